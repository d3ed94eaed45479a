import type { Event } from "../support/program.ts";
import type { Child } from "./child.ts";
import { Company } from "./company.ts";
import type { Display, Summary } from "./display.ts";

const CLIENTS: readonly string[] = ["alice", "bob"];
const SERVER = "chat_server";
const ROUND_TRIPS = 500;

/** What is said before and after the server dies. */
const BEFORE: readonly (readonly [nick: string, text: string])[] = [
  ["alice", "hello, is anybody here?"],
  ["bob", "yes: I found you through the seed and a port group"],
  ["alice", "what if somebody kills the server?"],
  ["bob", "we shall be told, and find the next one"],
];
const AFTER: readonly (readonly [nick: string, text: string])[] = [
  ["bob", "told you so"],
  ["alice", "and neither of us did anything"],
];

/** The mesh of the demo, from its beginning to its end. */
export class Story {
  readonly company: Company;
  readonly #display: Display;
  /** Per node: whom it is linked with, as it says itself. */
  readonly #links = new Map<string, Set<string>>();
  readonly #ready = new Map<string, Event>();
  readonly #joined = new Set<string>();
  /** Per client: chat lines it got, in order. */
  readonly #heard = new Map<string, string[]>();
  readonly #welcomed = new Set<string>();
  readonly #told = new Set<string>();
  #killedAt: number | undefined;
  #noticedAt = 0;
  #messages = 0;
  #roundTripMicros: number | undefined;

  /** @param secret all nodes share */
  constructor(display: Display, secret: string) {
    this.#display = display;
    this.company = new Company(secret, (child, event) => this.#event(child, event));
  }

  /** Plays it. @throws when anything fails or takes too long */
  async play(): Promise<Summary> {
    const { company } = this;
    company.start("seed", "seed.ts", "--exit-with-stdin");
    await company.until("the seed to listen", () => this.#ready.has("seed"));
    const seed = ["--seed", String(this.#ready.get("seed")!.address)];
    company.start(SERVER, "chat_server.ts", ...seed, "--exit-with-stdin");
    company.start("receiver", "receiver.ts", ...seed, "--exit-with-stdin");
    for (const nick of CLIENTS) company.start(nick, "chat_client.ts", ...seed, nick);
    company.start(
      "sender",
      "sender.ts",
      ...[...seed, "--exit-with-stdin", "--round-trips", String(ROUND_TRIPS)],
    );
    await this.#fullMesh(6);
    await company.until("both clients to reach the server", () => this.#allWelcomed());
    await company.until("the round trips", () => this.#roundTripMicros !== undefined);
    await this.#converse(BEFORE);

    this.#welcomed.clear();
    const server = company.child(SERVER);
    this.#killedAt = performance.now();
    server.kill();
    this.#display.killed(SERVER, server.pid);
    await company.until("both clients to be told", () => this.#told.size === CLIENTS.length);
    await company.until("the killed server to be gone", () => !company.children.has(SERVER));
    this.#forget(SERVER);
    company.start(SERVER, "chat_server.ts", ...seed, "--exit-with-stdin");
    await company.until("both clients to connect again", () => this.#allWelcomed());
    await this.#converse(AFTER);
    const links = await this.#fullMesh(6);
    return {
      nodes: this.#links.size,
      links,
      messages: this.#messages,
      roundTripMicros: rounded(this.#roundTripMicros!),
      noticeMillis: rounded(this.#noticedAt - this.#killedAt),
    };
  }

  /** Waits until each node is linked with each other. @returns the number of links */
  async #fullMesh(nodes: number): Promise<number> {
    await this.company.until(
      `a full mesh of ${nodes} nodes`,
      () =>
        this.#links.size === nodes &&
        [...this.#links.values()].every((peers) => peers.size === nodes - 1),
    );
    return nodes * (nodes - 1) / 2;
  }

  #allWelcomed(): boolean {
    return CLIENTS.every((nick) => this.#welcomed.has(nick));
  }

  async #converse(lines: readonly (readonly [nick: string, text: string])[]): Promise<void> {
    for (const [nick, text] of lines) {
      this.company.child(nick).write(text);
      const whole = `${nick}: ${text}`;
      await this.company.until(
        `everybody to hear ${JSON.stringify(whole)}`,
        () => CLIENTS.every((client) => this.#heard.get(client)?.at(-1) === whole),
      );
      this.#display.said(nick, text, CLIENTS);
    }
  }

  /** A killed node reports nothing any more. */
  #forget(node: string): void {
    this.#links.delete(node);
    this.#ready.delete(node);
    this.#joined.delete(node);
  }

  #event(child: Child, event: Event): void {
    const { name } = child;
    switch (event.event) {
      case "ready":
        this.#ready.set(name, event);
        this.#links.set(name, new Set());
        if (name === "seed") this.#join(child);
        break;
      case "up":
        this.#links.get(name)?.add(String(event.node));
        this.#join(child);
        break;
      case "down":
        this.#links.get(name)?.delete(String(event.node));
        break;
      case "relaying":
        // A request of a client, but for the monitors' news, and what went to all of them.
        this.#messages += Number(event.to) + (String(event.text).includes("(quits,") ? 0 : 1);
        break;
      case "message":
        this.#hear(name, String(event.text));
        break;
      case "disconnected":
        this.#told.add(name);
        this.#noticedAt = performance.now();
        this.#display.monitor(name, event.reason as unknown[]);
        break;
      case "roundTrips":
        this.#messages += 2 * Number(event.count);
        this.#roundTripMicros = Number(event.micros);
        break;
      case "received":
        this.#messages++;
        this.#display.said("sender", `it is ${clock(Number(event.data))}`, [name]);
        break;
    }
  }

  #join(child: Child): void {
    if (this.#joined.has(child.name)) return;
    this.#joined.add(child.name);
    this.#display.joined(child.name, child.pid, String(this.#ready.get(child.name)?.address));
  }

  #hear(client: string, text: string): void {
    const heard = this.#heard.get(client) ?? [];
    this.#heard.set(client, heard);
    heard.push(text);
    if (text !== `${client} (joins)`) return;
    this.#welcomed.add(client);
    if (this.#killedAt !== undefined) this.#display.reconnected(client);
  }
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
