/**
 * Runs the conformance suites on the pure backend and the tests that were collected, and prints one JSON
 * line a case: bundled, then run by plain `node`.
 */
import { collected, endOfCollection } from "./pure_node_collect.ts";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Address, ByteStream, Env } from "@anyevent/backends/contract";
import { conformanceCases, runCase } from "@anyevent/backends/conformance";
import { async, cede } from "@anyevent/coro";
import { memoryEnv } from "@anyevent/backends/memory";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { AnyEvent } from "@anyevent/loop";
import { loopCases, missing, type Support } from "@anyevent/loop/conformance";

const support: Support = {
  spawn(code) {
    const body = code === undefined ? "setInterval(() => {}, 1000)" : `process.exit(${code})`;
    const child = spawn(process.execPath, ["-e", body], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return {
      pid: child.pid!,
      child: child as unknown as { readonly pid: number },
      ended,
      kill: () => void child.kill("SIGKILL"),
    };
  },
  raise: (signal) => void process.kill(process.pid, `SIG${signal}`),
  stepClock,
};

let offset = 0;
const realNow = Date.now;

function stepClock(seconds: number): void {
  offset += seconds * 1000;
  Date.now = offset === 0 ? realNow : () => realNow() + offset;
}

async function report(name: string, run: () => Promise<void> | void): Promise<void> {
  let error: string | undefined;
  try {
    await run();
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.stack : String(thrown);
  }
  console.log(JSON.stringify({ name, error }));
}

// Before the first `await` of an operation, which settles on a default loop.
AnyEvent.use(pureEnv({ host: nodeHost() }));

// One file a process, as where they come from: what one leaves waiting is not another's business.
if (process.argv[2] === undefined) delete (globalThis as { Deno?: unknown }).Deno;
else {
  endOfCollection();
  for (const { file, name, run } of collected) {
    if (file !== process.argv[2]) continue;
    await report(`test: ${name}`, async () => void await run());
    // As between tests of Deno: all promises have gone as far as they can.
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(JSON.stringify({ name: "end" }));
  process.exit();
}

for (const it of loopCases) {
  const env = pureEnv({ host: nodeHost() });
  const without = missing(it, env, support);
  await report(`loop: ${it.name}`, () => {
    if (without.length > 0) throw new Error(`needs ${without.join()}`);
    return it.run(env, support);
  });
  if (it.needs.every((need) => need === "block")) {
    await report(`loop in memory: ${it.name}`, () => it.run(memoryEnv(pureEnv())));
  }
}

for (const one of conformanceCases) {
  const faults: unknown[] = [];
  const env = pureEnv({ host: nodeHost(), onError: (thrown) => void faults.push(thrown) });
  await report(`backend: ${one.name}`, () =>
    runCase(one, env, {
      faults,
      spawn(end): unknown {
        if ("code" in end) return support.spawn(end.code).child;
        const { child } = support.spawn(undefined);
        (child as ChildProcess).once("spawn", () => {
          process.kill((child as ChildProcess).pid!, `SIG${end.signal}`);
        });
        return child;
      },
      raise: (signal) => support.raise(signal),
      stepClock,
    }));
}

/** Sends a text from a client to a server, over TLS or not. */
async function transfer(env: Env, on: Address, tls: boolean): Promise<void> {
  const { backend, net } = env;
  const secured = (stream: ByteStream, role: "client" | "server"): Promise<ByteStream> =>
    new Promise((resolve, reject) => {
      if (!tls) resolve(stream);
      else {
        net.secure(stream, role, {}, (error, made) => made ? resolve(made.stream) : reject(error));
      }
    });
  let accept!: (stream: ByteStream) => void;
  const accepted = new Promise<ByteStream>((resolve) => accept = resolve);
  const listener = net.listen(on, accept);
  const client = await new Promise<ByteStream>((resolve, reject) =>
    net.connect(listener.address, (error, made) => made ? resolve(made) : reject(error))
  );
  const [from, to] = await Promise.all([
    secured(client, "client"),
    accepted.then((stream) => secured(stream, "server")),
  ]);
  from.tryWrite(new TextEncoder().encode("over there"));
  from.shutdown();
  let text = "";
  await new Promise<void>((resolve) => {
    const undo = backend.io(to, "r", () => {
      const into = new Uint8Array(100);
      const count = to.tryRead(into);
      if (count !== null) text += new TextDecoder().decode(into.subarray(0, count));
      else {
        undo();
        resolve();
      }
    });
  });
  if (text !== "over there") throw new Error(`got ${JSON.stringify(text)}`);
  from.close();
  to.close();
  listener.close();
  const left = JSON.stringify(net.stats());
  if (left !== '{"streams":0,"listeners":0,"attempts":0}') throw new Error(`left ${left}`);
}

const folder = await mkdtemp(join(tmpdir(), "anyevent_"));
const unix: Address = { transport: "unix", path: join(folder, "socket") };
const tcp: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };
for (const tls of [false, true]) {
  for (const on of [tcp, unix]) {
    const name = `net: ${on.transport}${tls ? " with TLS" : ""}`;
    const env = pureEnv({ host: nodeHost() });
    env.backend.hold(true);
    await report(name, () => transfer(env, on, tls));
    env.backend.hold(false);
  }
}
await rm(folder, { recursive: true });

await report("coro: threads take turns", async () => {
  const seen: number[] = [];
  async(function* () {
    seen.push(2);
    yield* cede();
    seen.push(4);
  });
  seen.push(1);
  await cede();
  seen.push(3);
  await cede();
  if (seen.join() !== "1,2,3,4") throw new Error(`order ${seen.join()}`);
});

// Nothing of this is held, so the process ends all the same.
const { backend, net } = pureEnv({ host: nodeHost() });
const never = (): never => {
  throw new Error("called");
};
backend.timer(600, never);
backend.signal!("USR2", never);
net.listen(tcp, never);
console.log(JSON.stringify({ name: "end" }));
