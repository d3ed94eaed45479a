/**
 * Registers one kind of thing on a native backend and lets it alone; prints what is called.
 * `hold_child.ts KIND [hold]`: with `hold`, the process is held for 0.2 s.
 */
import { ioStream, nativeEnv, registerChild } from "@anyevent/backends/native";

const [kind, held] = Deno.args;
const { backend, net } = nativeEnv();
const loopback = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;

const kinds: Record<string, () => void> = {
  timer: () => void backend.timer(20, () => console.log("timer")),
  zero: () => void backend.timer(0.5, () => console.log("zero")),
  signal: () => void backend.signal("USR1", () => {}),
  idle: () => void backend.idle(() => {}),
  listen: () => void net.listen(loopback, () => {}),
  stdin: () => {
    const stdin = ioStream(Deno.stdin);
    backend.io(stdin, "r", () => console.log("stdin"));
  },
  read: () => {
    const listener = net.listen(loopback, (stream) => backend.io(stream, "r", () => {}));
    net.connect(listener.address, (_error, stream) => {
      backend.io(stream!, "r", () => console.log("read"));
    });
  },
  child: () => {
    const command = new Deno.Command("deno", {
      args: ["eval", "--no-config", "setTimeout(() => {}, 20000)"],
      stdin: "null",
      stdout: "piped",
    });
    const child = registerChild(command.spawn());
    const stdout = ioStream(child.stdout);
    backend.io(stdout, "r", () => console.log("child output"));
    backend.child(child, () => console.log("child"));
    globalThis.addEventListener("unload", () => child.kill("SIGKILL"));
  },
};

kinds[kind]();
const start = performance.now();
if (held === "hold") {
  backend.hold(true);
  backend.timer(0.2, () => backend.hold(false));
}
globalThis.addEventListener("unload", () => {
  const seconds = (performance.now() - start) / 1000;
  console.log(seconds >= 0.2 ? "held" : "not held");
});
