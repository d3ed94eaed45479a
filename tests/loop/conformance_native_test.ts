import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { Loop } from "@anyevent/loop";
import { loopCases, missing } from "@anyevent/loop/conformance";
import { denoSupport } from "./deno_support.ts";

const runnable = loopCases.filter((it) => missing(it, nativeEnv(), denoSupport).length === 0);

for (const it of runnable) {
  Deno.test(`loop on native: ${it.name}`, async () => await it.run(nativeEnv(), denoSupport));
}

Deno.test("loop on native leaves out only the cases that block the thread", () => {
  const left = loopCases.filter((it) => !runnable.includes(it));
  assert.deepEqual(left.map((it) => it.name), [
    "recvSync runs the loop inside the call, and not twice at once",
    "recvSync throws what croak was given, and waits for streams too",
    "a blocking wait that nothing can end is a DeadlockError, and the loop goes on",
    "no blocking wait runs inside another, whichever they are",
    "run() also runs what is postponed, and leaves what is unref'd",
    "run() goes on after a callback that throws",
    "run() runs until nothing is active, oneEvent() for one turn",
  ]);
});

Deno.test("recvSync(), run() and oneEvent() on native say what to do instead", () => {
  const loop = new Loop(nativeEnv());
  const message =
    /^Cannot block for .*: backend native cannot run the loop inside a call; use `yield\*` /;
  const cv = loop.condvar<[number]>();
  for (const call of [() => cv.recvSync(), () => loop.run(), () => loop.oneEvent()]) {
    assert.throws(call, { name: "UsageError", message });
  }
  cv.send(5);
  assert.equal(cv.recvSync(), 5);
  loop.dispose();
});
