/** Children for tests: started like a user would, read line by line, and never left behind. */
import assert from "node:assert/strict";

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** Longest wait for anything, in seconds: only a failing test ever waits so long. */
const PATIENCE = 20;

/** The name of the environment variable by which a process and its descendants are found. */
const MARKER = "ANYEVENT_TEST_MARKER";

export type Event = { readonly event: string; readonly [key: string]: unknown };

export interface StartOptions {
  readonly args?: readonly string[];
  /** For what stands for a folder in the documented command. */
  readonly folder?: string;
  readonly secret?: string;
  /** Up to which level it logs on standard error. */
  readonly warnLevel?: number;
  /** More of its environment, which it may read. */
  readonly env?: Readonly<Record<string, string>>;
  /** Marks the process and all it starts. */
  readonly marker?: string;
}

/** The permissions in the command by which an example says it is run. */
export function documentedFlags(script: string, folder = "DIR"): readonly string[] {
  const text = Deno.readTextFileSync(new URL(script, EXAMPLES));
  const header = text.slice(0, text.indexOf("*/")).replace(/\\\n \*/g, " ");
  const command = new RegExp(`deno run ((?:--\\S+ +)*)examples/${script}`).exec(header);
  assert(command !== null, `${script} does not say how to run it`);
  return command[1].split(" ").filter((flag) => flag !== "").map((flag) =>
    flag.replace(/=DIR$/, `=${folder}`)
  );
}

/** A running example. Dispose of it in any case: it is killed, and its end awaited. */
export class Process implements AsyncDisposable {
  readonly script: string;
  /** All lines of standard output so far. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Promise<void>[];
  readonly #waiting = new Set<() => void>();
  #stderr = "";
  #next = 0;
  #over = false;

  /** Starts an example by its documented command. */
  constructor(script: string, options: StartOptions = {}) {
    this.script = script;
    const { args = [], folder, secret, warnLevel, marker } = options;
    const env = {
      ...(secret === undefined ? {} : { ANYEVENT_MP_SECRET: secret }),
      ...(warnLevel === undefined ? {} : { ANYEVENT_MP_WARNLEVEL: String(warnLevel) }),
      ...options.env,
    };
    const readable = Object.keys(env);
    this.#child = new Deno.Command("deno", {
      args: [
        "run",
        "--no-prompt",
        ...documentedFlags(script, folder),
        ...(readable.length > 0 ? [`--allow-env=${readable.join(",")}`] : []),
        new URL(script, EXAMPLES).href,
        ...args,
      ],
      env: { ...env, ...(marker === undefined ? {} : { [MARKER]: marker }) },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    let rest = "";
    this.#output = [
      this.#read(this.#child.stdout, (text) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        this.lines.push(...lines);
      }),
      this.#read(this.#child.stderr, (text) => void (this.#stderr += text)),
    ];
    void Promise.all(this.#output).then(() => {
      this.#over = true;
      this.#changed();
    });
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All of standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** All events so far. */
  get events(): Event[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  async #read(stream: ReadableStream<Uint8Array>, got: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) {
      got(text as unknown as string);
      this.#changed();
    }
  }

  #changed(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Waits until `look` gives something; fails when the process ends first, or it takes too long. */
  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = (): void => {
      const found = look();
      if (found !== undefined) resolve(found);
      else if (this.#over) reject(this.#error(`it ended before ${what}`));
    };
    const limit = setTimeout(() => reject(this.#error(`no ${what}`)), PATIENCE * 1000);
    this.#waiting.add(check);
    check();
    try {
      return await promise;
    } finally {
      this.#waiting.delete(check);
      clearTimeout(limit);
    }
  }

  #error(why: string): Error {
    return new Error(
      `${this.script}: ${why}\nit printed:\n${
        this.lines.join("\n")
      }\nand on standard error:\n${this.#stderr}`,
    );
  }

  /** Waits for the next line that matches, after the one found last. */
  line(match: RegExp): Promise<RegExpExecArray> {
    return this.#until(`line like ${match}`, () => {
      while (this.#next < this.lines.length) {
        const found = match.exec(this.lines[this.#next++]);
        if (found !== null) return found;
      }
    });
  }

  /** Waits for the next event of that name for which `match` holds, after the one found last. */
  event(name: string, match: (event: Event) => boolean = () => true): Promise<Event> {
    return this.#until(`event ${name}`, () => {
      while (this.#next < this.lines.length) {
        const event: Event = JSON.parse(this.lines[this.#next++]);
        if (event.event === name && match(event)) return event;
      }
    });
  }

  /** Waits until standard output has that many lines, or is at its end. */
  async count(lines: number): Promise<void> {
    await this.#until(
      `${lines} lines`,
      () => this.#over || this.lines.length >= lines ? true : undefined,
    );
  }

  /** Waits until standard error matches. */
  complaint(match: RegExp): Promise<RegExpExecArray> {
    return this.#until(
      `complaint like ${match}`,
      () => match.exec(this.#stderr) ?? undefined,
    );
  }

  /** Writes a line to standard input. */
  async write(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Closes standard input. */
  async closeInput(): Promise<void> {
    await this.#input.close().catch(ignoreBroken);
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Waits for the end. @returns exit code, or the signal that ended it */
  async end(): Promise<number | Deno.Signal> {
    await this.#until("end", () => this.#over || undefined);
    const { code, signal } = await this.#child.status;
    return signal ?? code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#child.status;
    await Promise.all(this.#output);
    await this.closeInput();
  }
}

/** Writing to a process that is gone fails, which is nobody's fault. */
function ignoreBroken(error: unknown): void {
  if (!(error instanceof Error)) throw error;
}

/** Kills a process that is not our child; by node, as Deno may not. */
export async function killStranger(pid: number): Promise<void> {
  const script = "process.kill(Number(process.argv[1]), 'SIGKILL')";
  const { success } = await new Deno.Command("node", { args: ["-e", script, String(pid)] })
    .output();
  assert(success, `cannot kill ${pid}`);
}

/** Runs an example to its end with nothing on standard input. */
export async function runToEnd(
  script: string,
  options: StartOptions = {},
): Promise<{ code: number | Deno.Signal; stdout: string; stderr: string }> {
  await using process = new Process(script, options);
  await process.closeInput();
  const code = await process.end();
  return {
    code,
    stdout: process.lines.map((line) => `${line}\n`).join(""),
    stderr: process.stderr,
  };
}

/** Looks for living processes with a mark or a pid until there are none; run by node, as Deno may not look. */
const FIND_SURVIVORS = `
const fs = require("node:fs");
const [mark, patience, ...pids] = process.argv.slice(1);
function read(path) { try { return fs.readFileSync(path, "latin1"); } catch { return ""; } }
function marked() {
  if (!fs.existsSync("/proc/self/environ")) return [];
  return fs.readdirSync("/proc").filter((pid) => /^[0-9]+$/.test(pid) &&
    read("/proc/" + pid + "/environ").split("\\0").includes(mark));
}
function alive(pid) {
  const stat = read("/proc/" + pid + "/stat");
  if (stat !== "") return !/^\\d+ \\(.*\\) [ZX]/s.test(stat);
  try { process.kill(Number(pid), 0); return !fs.existsSync("/proc/self/stat"); } catch { return false; }
}
const deadline = Date.now() + 1000 * Number(patience);
(function look() {
  const left = [...new Set([...marked(), ...pids.filter(alive)])];
  if (left.length === 0 || Date.now() > deadline) console.log(JSON.stringify(left.map(Number)));
  else setTimeout(look, 20);
})();
`;

/**
 * Asserts that every process with a mark, and every one of these, ends.
 *
 * @param marker as given to `Process`
 * @param pids others that must be gone
 */
export async function assertNoSurvivors(marker: string, pids: readonly number[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("node", {
    args: ["-e", FIND_SURVIVORS, `${MARKER}=${marker}`, String(PATIENCE / 2), ...pids.map(String)],
  }).output();
  const decoder = new TextDecoder();
  assert(success, decoder.decode(stderr));
  assert.deepEqual(JSON.parse(decoder.decode(stdout)), [], "processes that survived");
}

/** Asserts that nobody listens at an address. */
export async function assertRefused(address: string): Promise<void> {
  const [hostname, port] = address.split(":");
  await assert.rejects(
    async () => (await Deno.connect({ hostname, port: Number(port) })).close(),
    Deno.errors.ConnectionRefused,
    `somebody listens at ${address}`,
  );
}
