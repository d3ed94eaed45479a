import assert from "node:assert/strict";
import { AnyEventApi, type BackendEntry, Detector, type Env, UsageError } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

function entry(name: string, made: string[], env: Record<string, string> = {}): BackendEntry {
  return {
    name,
    create: (): Env => {
      made.push(name);
      return { ...manualEnv({ env }), name };
    },
  };
}

Deno.test("detect() takes the first built-in backend, at the first use", () => {
  const made: string[] = [];
  const any = new AnyEventApi(new Detector([entry("a", made), entry("b", made)]));
  assert.equal(any.MODEL, undefined);
  assert.deepEqual(made, []);
  any.timer({ after: 1, cb: () => {} }).cancel();
  assert.equal(any.MODEL, "a");
  assert.equal(any.detect(), "a");
  assert.deepEqual(made, ["a"]);
});

Deno.test("detect() follows ANYEVENT_BACKEND, and lists what there is when it names none", () => {
  const made: string[] = [];
  const chosen = new Detector([entry("a", made, { ANYEVENT_BACKEND: "b" }), entry("b", made)]);
  assert.equal(chosen.detect(), "b");
  const none = new Detector([entry("a", made, { ANYEVENT_BACKEND: "c" }), entry("b", made)]);
  none.registry.push(entry("mine", made));
  assert.throws(() => none.detect(), /backend "c": ANYEVENT_BACKEND: .* mine, a, b$/);
  assert.equal(none.model, undefined);
  const empty = new Detector([entry("a", made, { ANYEVENT_BACKEND: "" })]);
  assert.equal(empty.detect(), "a");
});

Deno.test("registry entries come before built-in ones of the same name", () => {
  const made: string[] = [];
  const detector = new Detector([entry("a", [], { ANYEVENT_BACKEND: "a" })]);
  detector.registry.unshift(entry("a", made));
  detector.detect();
  assert.deepEqual(made, ["a"]);
});

Deno.test("use() chooses by name or Env, wins over the environment, and comes too late afterwards", () => {
  const made: string[] = [];
  const detector = new Detector([entry("a", made, { ANYEVENT_BACKEND: "a" }), entry("b", made)]);
  assert.throws(() => detector.use("zzz"), /backend "zzz": there is none of that name, only a, b/);
  assert.throws(() => detector.use(5 as never), UsageError);
  detector.use("b");
  assert.equal(detector.detect(), "b");
  assert.deepEqual(made, ["b"]);
  assert.throws(() => detector.use("a"), /b is in use already/);
  const env = manualEnv();
  const other = new Detector([entry("a", made)]);
  other.use(env);
  assert.equal(other.defaultLoop().env, env);
});

Deno.test("postDetect() calls in order after the choice, at once later, and can be taken back", () => {
  const env = manualEnv();
  const any = new AnyEventApi(new Detector([{ name: "manual", create: () => env }]));
  const order: string[] = [];
  any.postDetect(() => void order.push(`1 ${any.MODEL}`));
  any.postDetect(() => {
    throw new Error("hook");
  });
  const third = any.postDetect(() => void order.push("3"));
  any.postDetect(() => void order.push("4"));
  third!.cancel();
  assert.equal(order.length, 0);
  any.detect();
  assert.deepEqual(order, ["1 manual", "4"]);
  assert.match(env.logged[0].message, /postDetect\(\) failed: Error: hook/);
  assert.equal(any.postDetect(() => void order.push("late")), undefined);
  assert.deepEqual(order, ["1 manual", "4", "late"]);
});

Deno.test("onCallbackError may be set before and after the choice", () => {
  const env = manualEnv();
  const any = new AnyEventApi(new Detector([{ name: "manual", create: () => env }]));
  const seen: string[] = [];
  any.onCallbackError = (error) => void seen.push(`before ${error}`);
  any.postpone(() => {
    throw 1;
  });
  env.backend.turn();
  any.onCallbackError = (error) => void seen.push(`after ${error}`);
  any.postpone(() => {
    throw 2;
  });
  env.backend.turn();
  assert.deepEqual(seen, ["before 1", "after 2"]);
});
