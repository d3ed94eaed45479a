/** Waits for what nobody can send; is told so, and goes on. */
import { nativeEnv } from "@anyevent/backends/native";

const { backend } = nativeEnv();

async function main(): Promise<void> {
  const never = new Promise<void>((_resolve, reject) => {
    const undo = backend.exhausted(() => {
      undo();
      reject(new Error("nothing is left"));
    });
  });
  try {
    await never;
  } catch (thrown) {
    console.log((thrown as Error).message);
  }
  backend.hold(true);
  backend.timer(0.01, () => {
    console.log("went on");
    backend.hold(false);
  });
}

void main();
