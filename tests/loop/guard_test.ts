import assert from "node:assert/strict";
import { guard, UsageError } from "@anyevent/loop";

Deno.test("guard() runs its block at the end of the scope, in reverse order", () => {
  const order: string[] = [];
  {
    using _a = guard(() => void order.push("a"));
    using _b = guard(() => void order.push("b"));
    order.push("body");
  }
  assert.deepEqual(order, ["body", "b", "a"]);
});

Deno.test("guard() runs its block once, and not after cancel()", () => {
  let runs = 0;
  const one = guard(() => void runs++);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  assert.equal(runs, 1);
  const two = guard(() => void runs++);
  two.cancel();
  two.cancel();
  two[Symbol.dispose]();
  assert.equal(runs, 1);
});

Deno.test("guard() reports what its block throws or rejects with, and throws nothing", async () => {
  const seen: unknown[] = [];
  const report = (error: unknown) => void seen.push(error);
  const boom = () => {
    throw "thrown";
  };
  guard(boom, report)[Symbol.dispose]();
  guard(() => Promise.reject("rejected"), report)[Symbol.dispose]();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(seen, ["thrown", "rejected"]);
  assert.throws(() => guard(1 as never), UsageError);
});
