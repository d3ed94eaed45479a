/**
 * A user's tests of every kind of watcher on the backend that ANYEVENT_BACKEND names, run by `deno test` with
 * its sanitizers on: cancelled at once, cancelled when it has been called, or ended by itself.
 */
import { spawn as nodeSpawn } from "node:child_process";
import { AE, AnyEvent, type ChildLike, defaultLoop } from "@anyevent/loop";
import type { ByteStream, DatagramSocket } from "@anyevent/backends/contract";

const HERE = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
const { env } = defaultLoop();
const { net } = env;

/** A child that ends by itself, and what to wait for before its handles are gone. */
function spawn(): [ChildLike, Promise<unknown>] {
  if (AnyEvent.MODEL === "sim") {
    const child = (env as unknown as { spawn(): ChildLike & { exit(code: number): void } }).spawn();
    queueMicrotask(() => child.exit(0));
    return [child, Promise.resolve()];
  }
  if (AnyEvent.MODEL === "pure") {
    const child = nodeSpawn("deno", ["--version"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return [child as unknown as ChildLike, ended];
  }
  const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const child = new Deno.Command("deno", { args: ["--version"], ...quiet }).spawn();
  return [child, child.status];
}

async function pair(): Promise<[ByteStream, ByteStream]> {
  const ends = AE.cv<[ByteStream]>();
  const listener = net.listen(HERE, (stream) => ends.send(stream));
  const mine = AE.cv<[unknown, ByteStream | undefined]>();
  const hold = defaultLoop().hold();
  net.connect(listener.address, mine);
  const [, stream] = await mine.recvAll();
  const both: [ByteStream, ByteStream] = [stream!, await ends.recv()];
  listener.close();
  hold();
  return both;
}

Deno.test("timers", async () => {
  AE.timer(100, 0, () => {}).cancel();
  AE.timer(2 ** 40, 1, () => {}).cancel();
  const cv = AE.cv();
  AE.timer(0.001, 0, cv);
  let calls = 0;
  const every = AE.timer(0, 0.001, () => void calls++);
  await cv.recv();
  every.cancel();
});

Deno.test("signal", () => {
  const watcher = AE.signal("USR1", () => {});
  AE.signal("USR1", () => {}).cancel();
  watcher.cancel();
});

Deno.test("idle and postpone", async () => {
  AE.idle(() => {}).cancel();
  const cv = AE.cv();
  const idle = AE.idle(() => {
    idle.cancel();
    AE.postpone(cv);
  });
  await cv.recv();
});

Deno.test("child", async () => {
  const [child, ended] = spawn();
  AE.child(child, () => {}).cancel();
  const any = AE.child(0, () => {});
  const cv = AE.cv();
  AE.child(child, cv);
  await cv.recv();
  any.cancel();
  await ended;
});

Deno.test("io on sockets", async () => {
  const [a, b] = await pair();
  AE.io(a, false, () => {}).cancel();
  AE.io(a, true, () => {}).cancel();
  const cv = AE.cv();
  const watcher = AE.io(a, false, cv);
  b.tryWrite(new Uint8Array(3));
  await cv.recv();
  watcher.cancel();
  AE.io(a, false, () => {});
  a.close();
  b.close();
});

Deno.test("listener and attempts that come to nothing", () => {
  const listener = net.listen(HERE, () => {});
  net.connect(listener.address, () => {})();
  listener.close();
});

Deno.test("udp", async () => {
  const opened = AE.cv<[unknown, DatagramSocket | undefined]>();
  const hold = defaultLoop().hold();
  net.udp!(HERE, opened);
  const [, socket] = await opened.recvAll();
  const cv = AE.cv();
  const watcher = AE.io(socket, false, cv);
  socket!.trySend(new Uint8Array(3), socket!.local);
  await cv.recv();
  watcher.cancel();
  socket!.close();
  hold();
});

Deno.test("condvar and sleep", async () => {
  const cv = AE.cv();
  cv.begin();
  AE.timer(0, 0, () => cv.end());
  await cv.recv();
  await defaultLoop().sleep(0.001);
});

Deno.test("nothing is counted any more", async () => {
  const still = (): Record<string, unknown> => ({ ...defaultLoop().stats(), ...net.stats() });
  for (let turns = 0; turns < 5; turns++) {
    const cv = AE.cv();
    AE.postpone(cv);
    await cv.recv();
  }
  const left = Object.entries(still()).filter(([, count]) => count !== 0);
  if (left.length > 0) throw new Error(`left: ${JSON.stringify(left)}`);
});
