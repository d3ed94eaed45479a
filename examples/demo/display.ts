import { AE } from "@anyevent/loop";
import type { Event } from "../support/program.ts";

/** Figures at the end. */
export interface Summary {
  readonly nodes: number;
  readonly links: number;
  readonly messages: number;
  readonly roundTripMicros: number;
  readonly noticeMillis: number;
}

type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Readonly<Record<Colour, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  cyan: 36,
};

/** Shows what happens: as text, in colour on a terminal, or as JSON lines. */
export class Display {
  readonly #json: boolean;
  readonly #colours = Deno.stdout.isTerminal() && !Deno.noColor;
  readonly #begin = AE.now();

  /** @param json one JSON line an event */
  constructor(json: boolean) {
    this.#json = json;
  }

  /** Seconds since the beginning. */
  get at(): number {
    AE.nowUpdate();
    return Math.round((AE.now() - this.#begin) * 1e6) / 1e6;
  }

  #paint(text: string, colour: Colour): string {
    return this.#colours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
  }

  #show(event: Event, who: string, what: string, colour?: Colour): void {
    if (this.#json) return console.log(JSON.stringify(event));
    const time = this.#paint(`${Number(event.at ?? this.at).toFixed(3).padStart(7)} s`, "dim");
    const name = this.#paint(who.padEnd(11), "cyan");
    console.log(`${time}  ${name}  ${colour === undefined ? what : this.#paint(what, colour)}`);
  }

  /** A node has found the mesh. */
  joined(node: string, pid: number, address: string): void {
    this.#show(
      { event: "joined", node, pid, address, at: this.at },
      node,
      `joined the mesh: process ${pid}, ${address}`,
    );
  }

  /** Something was said, and all of `to` have got it. */
  said(nick: string, text: string, to: readonly string[]): void {
    this.#show({ event: "said", nick, text, to, at: this.at }, nick, `${text}  → ${to.join(", ")}`);
  }

  /** A process was killed. */
  killed(node: string, pid: number): void {
    this.#show(
      { event: "killed", node, pid, at: this.at },
      node,
      `killed with SIGKILL: process ${pid}`,
      "red",
    );
  }

  /** A client was told why its server is gone. */
  monitor(node: string, reason: readonly unknown[]): void {
    this.#show(
      { event: "monitor", node, reason, at: this.at },
      node,
      `is told: ${reason.join(" ")}`,
      "yellow",
    );
  }

  /** A client has a server again. */
  reconnected(node: string): void {
    this.#show({ event: "reconnected", node, at: this.at }, node, "is connected again", "green");
  }

  /** The figures. */
  summary(summary: Summary): void {
    if (this.#json) return console.log(JSON.stringify({ event: "summary", ...summary }));
    const rows: [string, string][] = [
      ["nodes, each a process", String(summary.nodes)],
      ["links, encrypted", String(summary.links)],
      ["messages between processes", String(summary.messages)],
      ["round trip, median", `${summary.roundTripMicros.toFixed(0)} µs`],
      ["until the dead server was noticed", `${summary.noticeMillis.toFixed(1)} ms`],
    ];
    console.log("");
    for (const [what, value] of rows) {
      console.log(`  ${what.padEnd(36)}${this.#paint(value.padStart(10), "bold")}`);
    }
  }
}
