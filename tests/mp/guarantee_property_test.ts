/**
 * The delivery guarantee, under chance: after starting a monitor, messages arrive in order and without
 * holes, or the monitor fires; between the first loss and the monitor nothing arrives.
 */
import assert from "node:assert/strict";
import "@anyevent/global";
import fc from "fast-check";
import { Mesh } from "../support/mesh.ts";

type Step = { readonly kind: "send"; readonly count: number } | { readonly kind: "cut" } | {
  readonly kind: "wait";
  readonly seconds: number;
};

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      count: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      seconds: fc.double({ min: 0, max: 3, noNaN: true }),
    }),
  },
);

Deno.test("messages arrive in order without holes, or the monitor has fired in between", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(step, { minLength: 1, maxLength: 25 }),
      async (seed, steps) => {
        await using mesh = new Mesh({ seed });
        const a = await mesh.node("a", { binds: ["127.0.0.1:4040"] });
        const received: [era: number, index: number][] = [];
        const sink = a.port((...message: unknown[]) =>
          void received.push(message as [number, number])
        );
        const b = await mesh.node("b", { seeds: ["127.0.0.1:4040"] });
        // An era is the time under one monitor; each message says in which it was sent.
        let era = 0;
        let index = 0;
        const monitor = (): void =>
          void b.mon(sink, () => {
            era++;
            index = 0;
            monitor();
          });
        monitor();
        for (const action of steps) {
          if (action.kind === "send") {
            for (let i = 0; i < action.count; i++) {
              b.snd(sink, era, index++);
            }
          } else if (action.kind === "cut") mesh.net.sever();
          else await mesh.env.backend.run(action.seconds);
        }
        const last = era;
        const sent = index;
        await mesh.until(() => b.nodeIsUp("a") === true);
        await mesh.env.backend.run(5);
        const byEra = new Map<number, number[]>();
        let newest = 0;
        for (const [e, i] of received) {
          assert.ok(e >= newest, "nothing of an era arrives after something of a later one");
          newest = e;
          byEra.set(e, [...byEra.get(e) ?? [], i]);
        }
        for (const [e, indexes] of byEra) {
          assert.deepEqual(
            indexes,
            indexes.map((_, i) => i),
            `era ${e} has no hole at its beginning or inside`,
          );
        }
        // Nothing was lost without being told.
        if (era === last) assert.equal(byEra.get(last)?.length ?? 0, sent);
      },
    ),
    { numRuns: 60 },
  );
});
