/** A stream each way over the Unix socket at the given path; prints what arrived and whether the name is gone. */
import { nativeEnv } from "@anyevent/backends/native";

const [path] = Deno.args;
const { backend, net } = nativeEnv();
backend.hold(true);
const listener = net.listen({ transport: "unix", path }, (stream) => {
  stream.tryWrite(new Uint8Array(3));
  stream.shutdown();
});
net.connect(listener.address, (error, stream) => {
  if (stream === undefined) throw error;
  let total = 0;
  const undo = backend.io(stream, "r", () => {
    const count = stream.tryRead(new Uint8Array(2));
    if (count !== null) {
      total += count;
      return;
    }
    undo();
    stream.close();
    listener.close();
    backend.hold(false);
    let gone = false;
    try {
      Deno.lstatSync(path);
    } catch (thrown) {
      gone = thrown instanceof Deno.errors.NotFound;
    }
    console.log(stream.remote === `unix/:${path}`, total, gone);
  });
});
