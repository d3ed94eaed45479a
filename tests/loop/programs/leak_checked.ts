// A user's tests, run by `deno test` with its sanitizers on. LEAK names the watcher not to cancel.
import { AE, ioStream } from "@anyevent/loop";

async function check(
  kind: string,
  body: () => Promise<{ cancel(): void }> | { cancel(): void },
): Promise<void> {
  const watcher = await body();
  if (Deno.args[0] !== kind) watcher.cancel();
}

Deno.test("timer", () => check("timer", () => AE.timer(0.01, 0.01, () => {})));

Deno.test("fired timer", async () => {
  const cv = AE.cv();
  AE.timer(0.001, 0, cv);
  await cv.recv();
});

Deno.test("signal", () => check("signal", () => AE.signal("USR1", () => {})));

Deno.test("idle", () => check("idle", () => AE.idle(() => {})));

Deno.test("postpone", async () => {
  const cv = AE.cv();
  AE.postpone(cv);
  await cv.recv();
});

Deno.test("io", () =>
  check("io", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [conn, peer] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
      listener.accept(),
    ]);
    listener.close();
    const stream = ioStream(conn);
    const cv = AE.cv();
    const watcher = AE.io(stream, false, () => {
      stream.tryRead(new Uint8Array(8));
      cv.send();
    });
    await peer.write(new Uint8Array(1));
    await cv.recv();
    return {
      cancel: () => {
        watcher.cancel();
        stream.close();
        peer.close();
      },
    };
  }));

Deno.test("child", () =>
  check("child", async () => {
    const child = new Deno.Command("deno", {
      args: ["--version"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const watcher = AE.child(child, () => {});
    const cv = AE.cv();
    AE.child(child, cv);
    await cv.recv();
    await child.status;
    return watcher;
  }));
