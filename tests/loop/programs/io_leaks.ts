// A user's tests of io watchers that are cancelled in every state, run by `deno test` with sanitizers on.
import { AE, defaultLoop, ioStream, streamPair } from "@anyevent/loop";
import type { ByteStream } from "@anyevent/backends/contract";

function tcp(): Promise<[ByteStream, ByteStream]> {
  const { net } = defaultLoop().env;
  // An attempt to connect is no watcher, so it keeps nothing alive by itself.
  const hold = defaultLoop().hold();
  return new Promise((resolve, reject) => {
    let mine: ByteStream | undefined;
    let theirs: ByteStream | undefined;
    const both = (): void => {
      if (mine === undefined || theirs === undefined) return;
      listener.close();
      hold();
      resolve([mine, theirs]);
    };
    const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
      theirs = stream;
      both();
    });
    net.connect(listener.address, (error, stream) => {
      if (error !== undefined) return reject(error);
      mine = stream;
      both();
    });
  });
}

function memory(): [ByteStream, ByteStream] {
  return streamPair(defaultLoop().env.backend);
}

for (const [name, pair] of [["tcp", tcp], ["memory", memory]] as const) {
  Deno.test(`${name}: readable, cancelled from outside`, async () => {
    const [a, b] = await pair();
    b.tryWrite(new Uint8Array(10));
    const cv = AE.cv();
    const watcher = AE.io(a, false, cv);
    await cv.recv();
    watcher.cancel();
    a.close();
    b.close();
  });

  Deno.test(`${name}: writable, cancelled at once`, async () => {
    const [a, b] = await pair();
    AE.io(a, true, () => {}).cancel();
    a.close();
    b.close();
  });

  Deno.test(`${name}: writable, cancelled from outside`, async () => {
    const [a, b] = await pair();
    const cv = AE.cv();
    const watcher = AE.io(a, true, cv);
    await cv.recv();
    watcher.cancel();
    a.close();
    b.close();
  });

  Deno.test(`${name}: at end of file, one of two cancelled, then closed`, async () => {
    const [a, b] = await pair();
    b.shutdown();
    const cv = AE.cv();
    const one = AE.io(a, false, cv);
    AE.io(a, false, () => {});
    await cv.recv();
    one.cancel();
    a.close();
    b.close();
  });

  Deno.test(`${name}: readable and unref'd, cancelled in its callback`, async () => {
    const [a, b] = await pair();
    b.tryWrite(new Uint8Array(10));
    const cv = AE.cv();
    const watcher = AE.io(a, false, () => {
      watcher.cancel();
      cv.send();
    });
    await cv.recv();
    a.close();
    b.close();
  });

  Deno.test(`${name}: closed under its watcher while ready`, async () => {
    const [a, b] = await pair();
    b.tryWrite(new Uint8Array(10));
    const cv = AE.cv();
    AE.io(a, false, cv);
    AE.io(a, true, () => {});
    await cv.recv();
    a.close();
    b.close();
  });
}

Deno.test("child's pipe, cancelled from outside", async () => {
  const child = new Deno.Command("deno", {
    args: ["--version"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const out = ioStream(child.stdout);
  const cv = AE.cv();
  const watcher = AE.io(out, false, cv);
  await cv.recv();
  watcher.cancel();
  out.close();
  await child.status;
});
