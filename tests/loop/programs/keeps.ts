/**
 * What keeps a process alive, on the backend that ANYEVENT_BACKEND names. `nothing`: only what does not;
 * `each`: one kind of watcher after the other, each the only one; `signal`: the default action of a signal
 * comes back with the last watcher's end.
 */
import { spawn as nodeSpawn } from "node:child_process";
import process from "node:process";
import { AE, AnyEvent, type ChildLike, defaultLoop, streamPair } from "@anyevent/loop";

const { env } = defaultLoop();
const { backend, net } = env;
const HERE = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
const never = (): void => console.log("called");

function spawn(code: string): ChildLike {
  const args = ["eval", "--no-config", code];
  if (AnyEvent.MODEL === "pure") {
    return nodeSpawn("deno", args, { stdio: "ignore" }) as unknown as ChildLike;
  }
  const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
  return new Deno.Command("deno", options).spawn();
}

function nothing(): void {
  const [a] = streamPair(backend);
  AE.timer(30, 0, never).unref();
  AE.timer(30, 30, never).unref();
  AE.io(a, false, never).unref();
  AE.signal("USR1", never);
  AE.child(0, never).unref();
  const child = spawn("setTimeout(() => {}, 3000)");
  AE.child(child, never).unref();
  net.listen(HERE, never);
  AE.timer(30, 0, never).cancel();
  AE.idle(never).cancel();
  console.log("end of main");
}

function each(): void {
  const steps: [string, (done: () => void) => void][] = [
    ["timer", (done) => void AE.timer(0.01, 0, done)],
    ["idle", (done) => {
      const watcher = AE.idle(() => (watcher.cancel(), done()));
    }],
    ["postpone", (done) => AE.postpone(done)],
    ["io", (done) => {
      const [a, b] = streamPair(backend);
      const watcher = AE.io(a, false, () => (watcher.cancel(), done()));
      // The host's timer is none of ours, and keeps nothing alive here.
      Deno.unrefTimer(setTimeout(() => b.close(), 20));
    }],
    ["child", (done) => void AE.child(spawn("Deno.exit(3)"), done)],
    ["signal that is ref'd", (done) => {
      const watcher = AE.signal("USR1", () => {
        watcher.cancel();
        done();
      });
      watcher.ref();
      Deno.unrefTimer(setTimeout(() => Deno.kill(Deno.pid, "SIGUSR1"), 20));
    }],
  ];
  const next = (): void => {
    const step = steps.shift();
    if (step === undefined) return;
    step[1](() => {
      console.log(step[0], defaultLoop().stats().held <= 1);
      next();
    });
  };
  next();
}

async function signal(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const cv = AE.cv();
    const watchers = [AE.signal("TERM", () => {}), AE.signal("TERM", cv)];
    process.kill(process.pid, "SIGTERM");
    const limit = AE.timer(20, 0, () => cv.croak("no signal"));
    await cv.recv();
    console.log("caught");
    for (const watcher of [...watchers, limit]) watcher.cancel();
  }
  AE.timer(10, 0, () => console.log("still here"));
  process.kill(process.pid, "SIGTERM");
}

const programs: Record<string, () => void | Promise<void>> = { nothing, each, signal };
await programs[Deno.args[0]]();
