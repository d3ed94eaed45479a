import { AE, sleep } from "@anyevent/loop";

async function main(): Promise<void> {
  await sleep(0.001);
  try {
    await AE.cv().recv();
  } catch (error) {
    console.log(`${error}`);
  }
  // Once more, with nobody to catch it.
  AE.signal("USR1", () => {});
  AE.timer(30, 0, () => {}).unref();
  await AE.cv().recvAll();
}

// At the top level of a module Deno itself says that the promise never resolves, and asks nobody.
if (Deno.args[0] === "top") await main();
else main();
