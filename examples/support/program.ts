import { AE, sleep, UsageError } from "@anyevent/loop";
import { configure, defaultNode, monNodes, NODE, stop, upNodes } from "@anyevent/mp";
import { onLines } from "./lines.ts";
import { type About, type Given, readOptions, refuse } from "./options.ts";

/** Seconds a program takes at most to say goodbye to the other nodes. */
const GOODBYE = 1;

/** An event for `--json`: its name, and what belongs to it. */
export type Event = { readonly event: string; readonly [key: string]: unknown };

/** A program that is a node: its command line, its output, and how it ends. */
export class Program {
  readonly #about: About;
  readonly #given: Given;
  readonly #json: boolean;
  #ending = false;
  #readsLines = false;

  /** Reads the command line; see `readOptions`. */
  constructor(about: About) {
    this.#about = about;
    this.#given = readOptions(about);
    this.#json = this.#given.values.json === true;
    for (const [signal, code] of [["INT", 130], ["TERM", 143]] as const) {
      AE.signal(signal, () => this.end(code));
    }
  }

  /** Whether it says goodbye already: what dies now needs no replacement. */
  get ending(): boolean {
    return this.#ending;
  }

  /** The arguments that are not options. */
  get args(): readonly string[] {
    return this.#given.args;
  }

  /** Whether somebody reads along, and wants a prompt. */
  get interactive(): boolean {
    return !this.#json && Deno.stdout.isTerminal();
  }

  /** The value of an option. */
  option(name: string): string | undefined {
    const value = this.#given.values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** The value of an option that is a number. */
  number(name: string, fallback: number): number {
    const text = this.option(name);
    const value = text === undefined ? fallback : Number(text);
    if (text === "" || !(value >= 0)) {
      refuse(this.#about, new UsageError(`--${name} "${text}" is not a number`));
    }
    return value;
  }

  /** Prints a line for people, or the event with `--json`. */
  say(text: string, event: Event): void {
    console.log(this.#json ? JSON.stringify(event) : text);
  }

  /** Prints the event with `--json`, else nothing. */
  tell(event: Event): void {
    if (this.#json) console.log(JSON.stringify(event));
  }

  /** Prints a remark that is no result. */
  note(text: string, event: Event): void {
    if (this.#json) console.log(JSON.stringify(event));
    else console.error(text);
  }

  /** Calls back for each line of standard input and at its end, with which the program ends. */
  onLine(line: (text: string) => void, end: () => unknown = () => this.end(0)): void {
    this.#readsLines = true;
    onLines(Deno.stdin, line, end);
  }

  /** Makes this process a node, as the options say; resolves when it listens. */
  async start(): Promise<void> {
    const defaults = this.#about.node!;
    const seed = this.option("seed") ?? defaults.seed;
    if (this.#given.values["exit-with-stdin"] === true && !this.#readsLines) {
      this.onLine(() => undefined);
    }
    const binds = [this.option("bind") ?? defaults.bind];
    const seeds = seed === undefined ? [] : [seed];
    try {
      await configure({
        nodeid: this.option("node") ?? defaults.node,
        binds,
        seeds,
        secret: secret(),
      });
    } catch (error) {
      if (this.#ending) return;
      if (error instanceof UsageError) refuse(this.#about, error);
      console.error(error instanceof Error ? error.message : String(error));
      Deno.exit(1);
    }
    const [address] = defaultNode().listeners;
    this.note(`${NODE()} listens on ${address}`, {
      event: "ready",
      node: NODE(),
      pid: Deno.pid,
      address,
    });
    for (const node of upNodes()) this.tell({ event: "up", node });
    monNodes((node, up, ...reason) =>
      this.tell(up ? { event: "up", node } : { event: "down", node, reason })
    );
  }

  /** Says goodbye to the other nodes and ends the process. */
  async end(code: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    await Promise.race([stop(), sleep(GOODBYE)]);
    Deno.exit(code);
  }
}

/** The secret all nodes share, when we are permitted to know it; on loopback there may be none. */
function secret(): string | undefined {
  const variable = "ANYEVENT_MP_SECRET";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}
