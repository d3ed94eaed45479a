/** Prints how many bytes standard input has, read through ioStream. */
import { ioStream, nativeEnv } from "@anyevent/backends/native";

const { backend } = nativeEnv();
const stdin = ioStream(Deno.stdin);
const into = new Uint8Array(1000);
let total = 0;
backend.hold(true);
const undo = backend.io(stdin, "r", () => {
  const count = stdin.tryRead(into);
  if (count !== null) {
    total += count;
    return;
  }
  undo();
  backend.hold(false);
  console.log(total);
});
