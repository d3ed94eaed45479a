import { AE, type CondVar, ioStream, UsageError } from "@anyevent/loop";
import { onLines } from "../support/lines.ts";
import type { Event } from "../support/program.ts";

/** Lines of a child's standard error that are kept. */
const MAX_COMPLAINTS = 20;

/** What the children may do, beside what needs no permission. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net=127.0.0.1",
  "--allow-env=ANYEVENT_MP_SECRET,ANYEVENT_MP_WARNLEVEL",
];

/** How to start a child. */
export interface ChildOptions {
  /** Node id. */
  readonly name: string;
  /** File in the folder of examples. */
  readonly script: string;
  readonly args: readonly string[];
  readonly secret: string;
  /** Called for each event it prints. */
  readonly event: (child: Child, event: Event) => void;
  /** Called once, when it has ended and all its output was read. */
  readonly ended: (child: Child) => void;
}

/**
 * One of the programs, as a process of its own. Its standard input stays open as long as we live: when it
 * is closed, by us or by our death, the child ends.
 */
export class Child {
  readonly name: string;
  readonly pid: number;
  /** How it ended; `undefined` while it runs. */
  status: Deno.CommandStatus | undefined;
  /** Set when its end is wanted. */
  dismissed = false;
  /** What it printed on standard error, the last lines of it. */
  readonly complaints: string[] = [];
  /** True once it has ended. */
  readonly gone: CondVar;
  readonly #process: Deno.ChildProcess;
  readonly #input: ReturnType<typeof ioStream>;

  /** Starts it. */
  constructor({ name, script, args, secret, event, ended }: ChildOptions) {
    this.name = name;
    // By name: a permission to run "deno" does not cover other paths to it. The secret goes by the
    // environment, which other users cannot see.
    const command = new Deno.Command("deno", {
      args: ["run", ...PERMISSIONS, new URL(`../${script}`, import.meta.url).href, ...args],
      env: { ANYEVENT_MP_SECRET: secret },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    try {
      this.#process = command.spawn();
    } catch (error) {
      throw new UsageError(`Cannot start ${name}: ${error}`, { cause: error });
    }
    this.pid = this.#process.pid;
    this.#input = ioStream(this.#process.stdin);
    const gone = this.gone = AE.cv(() => ended(this));
    gone.begin();
    AE.child(this.#process, async () => {
      this.status = await this.#process.status;
      this.#input.close();
      gone.end();
    });
    gone.begin();
    onLines(this.#process.stdout, (line) => event(this, parse(line)), () => gone.end());
    gone.begin();
    onLines(this.#process.stderr, (line) => {
      this.complaints.push(line);
      if (this.complaints.length > MAX_COMPLAINTS) this.complaints.shift();
    }, () => gone.end());
  }

  /** Writes a line to its standard input. */
  write(line: string): void {
    this.#input.tryWrite(new TextEncoder().encode(`${line}\n`));
  }

  /** Closes its standard input, on which it ends. */
  dismiss(): void {
    if (this.dismissed) return;
    this.dismissed = true;
    this.#input.close();
  }

  /** Ends it with SIGKILL. */
  kill(): void {
    this.dismissed = true;
    if (this.status === undefined) this.#process.kill("SIGKILL");
  }
}

function parse(line: string): Event {
  try {
    return JSON.parse(line);
  } catch {
    return { event: "output", line };
  }
}
