import type { Undo } from "../contract/backend.ts";
import type { Env } from "../contract/env.ts";
import { seededRandom } from "../contract/prng.ts";
import { type Case, deferred, elapsed, inTurn, needed, type Support } from "./case.ts";
import { check, equal, throws } from "./expect.ts";

/** Rules 2 to 5, as far as they speak of timers. */
export const timerCases: readonly Case[] = [
  {
    name: "timer() fires in order of deadlines, once, never inside the call",
    needs: [],
    async run({ backend }: Env): Promise<void> {
      const log: string[] = [];
      const done = deferred();
      backend.timer(0.02, () => (log.push("20"), done.resolve()));
      backend.timer(0.01, () => log.push("10"));
      backend.timer(0, () => log.push("0"));
      backend.timer(-5, () => log.push("-5"));
      equal(log, [], "ran inside the call");
      await done.promise;
      equal(log.slice(2), ["10", "20"], "order");
      equal(log.slice(0, 2).sort(), ["-5", "0"], "zero and negative delays come first");
    },
  },
  {
    name: "timers with equal deadlines fire in order of creation",
    needs: [],
    async run(env: Env): Promise<void> {
      const log: number[] = [];
      const done = deferred();
      await inTurn(env, () => {
        for (let i = 0; i < 50; i++) env.backend.timer(i % 2 ? 0.004 : 0.008, () => log.push(i));
        env.backend.timer(0.012, () => done.resolve());
      });
      await done.promise;
      const all = Array.from({ length: 50 }, (_, i) => i);
      equal(log, [...all.filter((i) => i % 2), ...all.filter((i) => i % 2 === 0)], "order");
    },
  },
  {
    name: "a timer never fires before now() has reached its deadline",
    needs: [],
    async run({ backend }: Env): Promise<void> {
      for (const after of [0, 0.0004, 0.003, 0.0101]) {
        const due = backend.now() + after;
        const fired = deferred<number>();
        backend.timer(after, () => fired.resolve(backend.now()));
        const at = await fired.promise;
        // The deadline counted from a reading a moment later than ours.
        check(at >= due, `fired ${due - at} s early`);
      }
    },
  },
  {
    name: "undo is final, also for a timer due in the same turn, and idempotent",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const log: string[] = [];
      await inTurn(env, () => {
        const undos: Undo[] = [];
        undos.push(backend.timer(0.004, () => {
          log.push("first");
          undos[1]();
          undos[0]();
          undos[1]();
        }));
        undos.push(backend.timer(0.004, () => log.push("sibling")));
        undos.push(backend.timer(0.004, () => log.push("third")));
        const early = backend.timer(0, () => log.push("undone at once"));
        early();
        early();
      });
      await elapsed(env, 0.01);
      equal(log, ["first", "third"], "what fired");
    },
  },
  {
    name: "a zero timer created in a turn fires in a later one",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const log: string[] = [];
      const done = deferred();
      await inTurn(env, () => {
        backend.timer(0, () => {
          log.push("a");
          backend.timer(0, () => (log.push("c"), done.resolve()));
          backend.timer(-1, () => log.push("d"));
        });
        backend.timer(0, () => log.push("b"));
      });
      await done.promise;
      equal(log.slice(0, 2), ["a", "b"], "order");
    },
  },
  {
    name: "a hundred thousand timers, half of them undone, fire in order",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const random = seededRandom(7);
      const expected: { readonly due: number; readonly index: number }[] = [];
      const fired: number[] = [];
      await inTurn(env, () => {
        for (let index = 0; index < 100000; index++) {
          const ticks = Math.floor(random.float() * 20);
          const undo = backend.timer(ticks / 1000, () => fired.push(index));
          if (random.float() < 0.5) undo();
          else expected.push({ due: ticks, index });
        }
      });
      equal(backend.stats().timers, expected.length + 1, "timers");
      await elapsed(env, 0.025);
      expected.sort((a, b) => a.due - b.due || a.index - b.index);
      equal(fired.length, expected.length, "how many fired");
      check(expected.every(({ index }, at) => fired[at] === index), "they fired out of order");
    },
  },
  {
    name: "there is no longest delay",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const log: string[] = [];
      const undos = [2 ** 31 / 1000 + 1, 2 ** 32 / 1000 + 0.005, 1e12, Infinity].map((after) =>
        backend.timer(after, () => log.push(String(after)))
      );
      await elapsed(env, 0.02);
      equal(log, [], "fired at once");
      for (const undo of undos) undo();
    },
  },
  {
    name: "setting the wall clock moves time(), neither now() nor a timer",
    needs: ["clock"],
    async run(env: Env, support: Support): Promise<void> {
      const { backend } = env;
      const stepClock = needed(support.stepClock, "support.stepClock").bind(support);
      for (const step of [7200, -7200]) {
        const [wall, begun] = [backend.time(), backend.now()];
        const fired = deferred<number>();
        const late = backend.timer(3600, () => fired.reject(new Error("an hour's timer fired")));
        backend.timer(0.01, () => fired.resolve(backend.now()));
        stepClock(step);
        try {
          check(Math.abs(backend.time() - wall - step) < 60, "time() is not the wall clock");
          check(Math.abs(backend.now() - begun) < 60, "now() jumped");
          const at = await fired.promise;
          check(at >= begun + 0.01 && at < begun + 60, `fired after ${at - begun} s`);
        } finally {
          stepClock(-step);
          late();
        }
      }
    },
  },
  {
    name: "a delay that is not a number is refused",
    needs: [],
    run({ backend }: Env): void {
      throws(() => backend.timer(NaN, () => {}), "UsageError", "timer(NaN)");
      throws(() => backend.timer("1" as unknown as number, () => {}), "UsageError", 'timer("1")');
    },
  },
];
