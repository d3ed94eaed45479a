/** Nothing is lost, doubled or reordered, whatever is cancelled when. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { async, type Coro, type CoroHandle, poll, sleep, unblock } from "@anyevent/coro";
import { bytes, Place, text } from "./support.ts";

type Step =
  | { readonly kind: "arrive"; readonly text: string }
  | { readonly kind: "read"; readonly how: number }
  | { readonly kind: "cancel" }
  | { readonly kind: "throw" }
  | { readonly kind: "wait"; readonly turns: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("arrive" as const),
    text: fc.constantFrom("a", "bc\n", "\n\n", "defg", "h\ni"),
  }),
  fc.record({ kind: fc.constant("read" as const), how: fc.integer({ min: 0, max: 5 }) }),
  fc.constantFrom({ kind: "cancel" as const }, { kind: "throw" as const }),
  fc.record({ kind: fc.constant("wait" as const), turns: fc.integer({ min: 0, max: 3 }) }),
);

function* reader(h: CoroHandle, how: number, got: (part: string) => void) {
  const limit = { timeout: 3 };
  const part = how === 0
    ? yield* h.readline()
    : how === 1
    ? text(yield* h.read(3))
    : how === 2
    ? text(yield* h.readPartial(2))
    : how === 3
    ? yield* h.readline("\n", limit)
    : how === 4
    ? yield* h.readline(/\n/)
    : text(yield* h.read(5, limit));
  got(part ?? "");
}

function* readRandomly(place: Place, steps: readonly Step[], timeout: number | undefined) {
  place.threads.onUncaught = () => undefined;
  const [h, peer] = place.pair({ timeout }, 1 << 16);
  let sent = "";
  let got = "";
  let thread: Coro<unknown> | undefined;
  for (const each of steps) {
    if (each.kind === "arrive") {
      sent += each.text;
      peer.tryWrite(bytes(each.text));
    } else if (each.kind === "read") {
      if (thread === undefined || thread.isZombie) {
        thread = async(reader, h, each.how, (part: string) => void (got += part));
      }
    } else if (each.kind === "wait") {
      for (let n = 0; n < each.turns; n++) yield* poll();
      if (each.turns === 3) yield* sleep(2);
    } else if (thread !== undefined && !thread.isZombie) {
      if (each.kind === "cancel") thread.cancel();
      else thread.throw(new Error("stop"));
    }
  }
  if (thread !== undefined && !thread.isZombie) {
    thread.cancel();
  }
  peer.shutdown();
  h.timeout = undefined;
  got += (yield* h.readline(undefined)) ?? "";
  assert.equal(got, sent);
  assert.deepEqual([place.env.backend.stats().ios, place.env.backend.stats().timers], [0, 0]);
  h.close();
}

Deno.test("readers that are cancelled or thrown into at any time lose nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(undefined, 0, 1),
      async (steps, timeout) => {
        await new Place("sim").run((place) => readRandomly(place, steps, timeout));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("writers keep their order, and what is cancelled is cut off at its end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.boolean(), fc.nat(3)), {
        maxLength: 20,
      }),
      fc.integer({ min: 1, max: 9 }),
      async (writes, capacity) => {
        await new Place("sim").run(function* (place) {
          const [h, peer] = place.pair({}, capacity);
          const other = unblock(peer);
          let all = "";
          const collector = async(function* () {
            for (let part; (part = yield* other.readPartial(3))!.length > 0;) {
              all += text(part);
              yield* poll();
            }
          });
          const expected: { readonly piece: string; readonly thread: Coro<unknown> }[] = [];
          for (const [n, [length, cancelled, turns]] of writes.entries()) {
            const piece = String.fromCharCode(97 + n).repeat(length);
            const thread: Coro<number> = async(() => h.print(piece));
            expected.push({ piece, thread });
            for (let turn = 0; turn < turns; turn++) yield* poll();
            if (cancelled && !thread.isZombie) thread.cancel();
          }
          const written: (number | undefined)[] = [];
          for (const { thread } of expected) {
            written.push((yield* thread.join())[0] as number | undefined);
          }
          h.shutdown();
          yield* collector.join();
          // Each piece is there as a whole, or when it was cancelled from its beginning on.
          let at = 0;
          expected.forEach(({ piece }, n) => {
            let count = 0;
            while (at < all.length && count < piece.length && all[at] === piece[0]) {
              at++;
              count++;
            }
            if (written[n] !== undefined) assert.equal(count, written[n]);
          });
          assert.equal(at, all.length);
          other.close();
          h.close();
        });
      },
    ),
    { numRuns: 150 },
  );
});
