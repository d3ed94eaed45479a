import assert from "node:assert/strict";
import fc from "fast-check";
import { decode, encode } from "npm:@msgpack/msgpack@3.1.3";
import { async, cede, sleep, storable } from "@anyevent/coro";
import { PeerError } from "@anyevent/loop";
import { onEach } from "./support.ts";

const LONG = "tëxt".repeat(5000);

/** Values that any MessagePack knows. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(
      fc.constantFrom(null, true, false, LONG),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).map((n) => Object.is(n, -0) ? 0 : n),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.string({ unit: "binary" }),
      fc.uint8Array({ maxLength: 70000, size: "+1" }),
      fc.date({ noInvalidDate: true }),
    ),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string().filter((key) => key !== "__proto__"), tie("value"), {
      maxKeys: 20,
      noNullPrototype: true,
    }),
  ),
})).value;

Deno.test("freeze and thaw speak MessagePack as others do", () => {
  fc.assert(
    fc.property(values, (value) => {
      const frozen = storable.blockingFreeze(value);
      assert.deepEqual(frozen, encode(value, { useBigInt64: true, maxDepth: 1000 }));
      assert.deepEqual(storable.blockingThaw(frozen), value);
      assert.deepEqual(decode(frozen, { useBigInt64: true }), value);
    }),
    { numRuns: 300 },
  );
});

Deno.test("thaw of anything is a value or a PeerError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        storable.blockingThaw(bytes);
      } catch (error) {
        assert.ok(error instanceof PeerError, String(error));
        assert.equal(error.code, "EBADMSG");
      }
    }),
    { numRuns: 3000 },
  );
  // More is promised than there is.
  for (
    const bytes of [[0xdd, 255, 255, 255, 255], [0xdf, 255, 255, 255, 255, 1], [0xc6, 255, 0, 0, 0]]
  ) {
    assert.throws(() => storable.blockingThaw(Uint8Array.from(bytes)), /cut off/);
  }
  assert.throws(() => storable.blockingThaw(new Uint8Array(1e6).fill(0x91)), /nested deeper/);
  assert.throws(() => storable.blockingThaw(Uint8Array.of(1, 2)), /more follows/);
});

Deno.test("what is no data is refused", () => {
  const loop: unknown[] = [];
  loop.push({ loop });
  let deep: unknown = 0;
  for (let n = 0; n < 20000; n++) deep = [deep];
  for (
    const wrong of [() => 0, Symbol("x"), 2n ** 64n, new Map(), new Set(), /x/, new Date(NaN), loop]
      .concat([deep, new Float64Array(2), { a: { b: () => 0 } }] as never[])
  ) assert.throws(() => storable.blockingFreeze(wrong), { name: "UsageError" });
  // The same twice is no loop.
  const twice = { a: 1 };
  assert.deepEqual(storable.blockingThaw(storable.blockingFreeze([twice, twice])), [twice, twice]);
  const odd = JSON.parse('{"__proto__": 1, "b": [2]}');
  const thawed = storable.blockingThaw(storable.blockingFreeze(odd)) as object;
  assert.deepEqual(Object.keys(thawed), ["__proto__", "b"]);
  assert.equal(Object.getPrototypeOf(thawed), Object.prototype);
  assert.ok(Object.is(storable.blockingThaw(storable.blockingFreeze(-0)), -0));
  assert.equal(storable.blockingThaw(storable.blockingFreeze(undefined)), null);
  assert.throws(() => storable.thaw("x" as never), { name: "UsageError" });
  assert.throws(() => void (storable.granularity = -1), { name: "UsageError" });
});

onEach("freeze and thaw let other threads and events run", function* ({ loop }) {
  const before = storable.granularity;
  storable.granularity = 0.001;
  try {
    const value = Array.from({ length: 100_000 }, (_, n) => ({ n, text: `item ${n}` }));
    let ran = 0;
    let events = 0;
    let over = false;
    const other = async(function* () {
      while (!over) {
        ran++;
        yield* cede();
      }
    });
    const timer = loop.addTimer(0.005, 0.005, () => events++);
    const bytes = yield* storable.freeze(value);
    const between = ran;
    assert.deepEqual(yield* storable.thaw(bytes), value);
    over = true;
    timer.cancel();
    yield* other.join();
    assert.ok(between > 3, `${between}`);
    assert.ok(ran > between + 3, `${ran}`);
    assert.ok(events > 0);
  } finally {
    storable.granularity = before;
  }
}, ["native", "pure", "ffi"]);

onEach("one thread freezes or thaws at a time", function* ({ print, printed }) {
  const held = yield* storable.guard();
  const threads = ["a", "b"].map((name) =>
    async(function* () {
      print(name, (yield* storable.nfreeze(name)).length);
    })
  );
  yield* sleep(0.001);
  assert.deepEqual(printed, []);
  held.release();
  for (const thread of threads) yield* thread.join();
  assert.deepEqual(printed, ["a 2", "b 2"]);
}, ["sim"]);
