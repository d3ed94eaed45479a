/**
 * Run as a process: the default loop in virtual time, chosen by name. It prints how long it slept, and
 * with an argument how waiting for nothing ends.
 */
import { AE, AnyEvent, DeadlockError, sleep } from "@anyevent/loop";

Deno.env.set("ANYEVENT_BACKEND", "sim");

async function main(): Promise<void> {
  const begun = AE.now();
  await sleep(86400);
  console.log(AnyEvent.MODEL, AE.now() - begun);
  if (Deno.args.length === 0) return;
  try {
    await AE.cv().recv();
  } catch (thrown) {
    console.log(thrown instanceof DeadlockError, AE.now() - begun);
  }
}

void main();
