/**
 * Starts some children and restarts those that end, each after a delay that doubles while it keeps failing:
 * one works until it is told to end, one works for a while, and one cannot work at all. On SIGINT or SIGTERM
 * all of them end, and then so does the program. A thread takes care of each child.
 *
 * Run it:       deno run --allow-run=deno examples/child_supervisor.ts
 * Permissions:  run, for the children, which are programs of deno without permissions.
 * Prints:       steady: started
 *               flaky: started
 *               broken: started
 *                 steady: ready
 *                 flaky: ready
 *               broken: exited with 1, again in 0.1 s
 *               flaky: exited with 7, again in 0.1 s
 *               broken: started
 *               broken: exited with 1, again in 0.2 s
 *               …
 *               stopping
 *               steady: killed by signal 15
 */
import { async, sleep } from "@anyevent/coro";
import { AE, UsageError } from "@anyevent/loop";
import { type About, readOptions, refuse } from "./support/options.ts";

const ABOUT: About = {
  name: "child_supervisor.ts",
  does: "Starts children and restarts those that end.",
  permissions: "--allow-run=deno",
  options: {
    rounds: { value: "COUNT", help: "stop when those that fail were started so often (never)" },
    delay: { value: "SECONDS", help: "before the first restart (0.1)" },
  },
};

const { values } = readOptions(ABOUT);

function number(name: string, fallback: number): number {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (!(value > 0)) refuse(ABOUT, new UsageError(`--${name} "${values[name]}" is not a number`));
  return value;
}

const rounds = number("rounds", Infinity);
const firstDelay = number("delay", 0.1);

/** How many times the first delay the longest one is. */
const MOST = 256;

/** Seconds of work after which a child counts as well again. */
const WELL = 10;

/** Seconds that a child has to end when told so, before it is killed. */
const PATIENCE = 2;

/** What the children do; they print by themselves. The one that works ends with its standard input, should its supervisor die. */
const PROGRAMS: Readonly<Record<string, string>> = {
  steady: `console.log("  steady: ready"); for await (const _ of Deno.stdin.readable);`,
  flaky: `console.log("  flaky: ready"); setTimeout(() => Deno.exit(7), 50);`,
  broken: `Deno.exit(1);`,
};

/** A raw status in words. */
function inWords(status: number): string {
  const signal = status & 127;
  return signal === 0 ? `exited with ${status >> 8}` : `killed by signal ${signal}`;
}

/** Keeps a child running. Whoever cancels the thread has the child ended first. */
function* supervise(name: string, program: string) {
  let delay = firstDelay;
  for (let starts = 1;; starts++) {
    const began = AE.now();
    const child = new Deno.Command("deno", { args: ["eval", program], stdin: "piped" }).spawn();
    console.log(`${name}: started`);
    const ended = AE.cv<[status: number]>();
    using _watcher = AE.child(child, (_pid, status) => ended.send(status));
    let status: number | undefined;
    try {
      status = yield* ended.recv();
    } finally {
      if (status === undefined) {
        child.kill("SIGTERM");
        using _kill = AE.timer(PATIENCE, 0, () => child.kill("SIGKILL"));
        console.log(`${name}: ${inWords(yield* ended.recv())}`);
      }
      void child.stdin.close().catch(gone);
    }
    if (AE.now() - began > WELL) delay = firstDelay;
    const again = starts < rounds ? `again in ${delay} s` : "not again";
    console.log(`${name}: ${inWords(status)}, ${again}`);
    if (starts >= rounds) return;
    yield* sleep(delay);
    delay = Math.min(delay * 2, firstDelay * MOST);
  }
}

/** A pipe to a child that has ended cannot be closed in order; there was nothing in it. */
function gone(): void {}

const [steady, ...failing] = Object.entries(PROGRAMS).map(([name, program]) =>
  async(supervise, name, program)
);

let code = 0;
let stopping = false;

/** Cancels the threads; each one's clean-up waits for its child. */
function stop(): void {
  if (stopping) return;
  stopping = true;
  console.log("stopping");
  for (const thread of [steady, ...failing]) if (!thread.isZombie) thread.safeCancel();
}

for (const [signal, exitCode] of [["INT", 130], ["TERM", 143]] as const) {
  AE.signal(signal, () => {
    code = exitCode;
    stop();
  });
}

for (const thread of failing) await thread.join();
stop();
await steady.join();
Deno.exit(code);
