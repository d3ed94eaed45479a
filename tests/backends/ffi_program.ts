/** A program on the ffi backend, for tests of permissions and of what keeps a process alive. */
import { UsageError } from "@anyevent/backends/contract";
import { type FfiEnv, ffiEnv } from "@anyevent/backends/ffi";

/** A connection to a name, on which the server greets. */
function talk({ backend, net }: FfiEnv): void {
  backend.hold(true);
  const listener = net.listen({ transport: "tcp", host: "localhost", port: 0 }, (stream) => {
    stream.tryWrite(new TextEncoder().encode("hello"));
    stream.close();
  });
  const { port } = listener.address as { port: number };
  net.connect({ transport: "tcp", host: "localhost", port }, (error, stream) => {
    if (stream === undefined) throw error;
    const undo = backend.io(stream, "r", () => {
      const bytes = new Uint8Array(100);
      console.log(new TextDecoder().decode(bytes.subarray(0, stream.tryRead(bytes) ?? 0)));
      undo();
      stream.close();
      listener.close();
      backend.hold(false);
    });
  });
}

const programs: Record<string, (env: FfiEnv) => void> = {
  talk,
  held({ backend, net }) {
    const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, () => {});
    backend.hold(true);
    backend.timer(0.1, () => {
      console.log("timer");
      backend.hold(false);
      listener.close();
    });
  },
  "not-held"({ backend }) {
    backend.timer(20, () => console.log("timer"));
    backend.signal("USR1", () => {});
    backend.idle(() => {});
  },
  listening({ backend, net }) {
    net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, () => {});
    backend.hold(true);
    // Let go again only after it has begun to wait.
    setTimeout(() => backend.hold(false), 50);
  },
};

let env: FfiEnv | undefined;
try {
  env = ffiEnv();
} catch (thrown) {
  if (!(thrown instanceof UsageError)) throw thrown;
  console.log("refused");
}
if (env !== undefined) programs[Deno.args[0]](env);
