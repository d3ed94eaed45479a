import type { Env } from "../contract/env.ts";
import { type Case, deferred, elapsed, inTurn, type Support, turned } from "./case.ts";
import { check, equal, throws } from "./expect.ts";

/** Rules 1 to 4, 6 and 8: posted callbacks, turns, faults, counters. */
export const turnCases: readonly Case[] = [
  {
    name: "post() runs callbacks in order, never inside the call",
    needs: [],
    async run({ backend }: Env): Promise<void> {
      const log: string[] = [];
      const done = deferred();
      backend.post(() => log.push("a"));
      backend.post(() => log.push("b"));
      backend.post(() => (log.push("c"), done.resolve()));
      equal(log, [], "ran inside the call");
      await done.promise;
      equal(log, ["a", "b", "c"], "order");
    },
  },
  {
    name: "post() from a callback runs in a later turn",
    needs: [],
    async run({ backend }: Env): Promise<void> {
      const log: string[] = [];
      const done = deferred();
      backend.post(() => {
        log.push("first");
        backend.post(() => {
          log.push("inner");
          done.resolve();
        });
      });
      backend.timer(0, () => log.push("timer"));
      backend.post(() => log.push("second"));
      await done.promise;
      equal(log.filter((each) => each !== "timer"), ["first", "second", "inner"], "order of posts");
      check(log.includes("timer"), "a post of the same turn starved the timer");
    },
  },
  {
    name: "a turn runs posted callbacks before timers that are due",
    needs: [],
    async run(env: Env): Promise<void> {
      const log: string[] = [];
      const done = deferred();
      await inTurn(env, () => {
        env.backend.timer(0, () => (log.push("timer"), done.resolve()));
        env.backend.post(() => log.push("post"));
      });
      await done.promise;
      equal(log, ["post", "timer"], "order");
    },
  },
  {
    name: "now() does not move while callbacks of one turn run, nowUpdate() ends that",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const before = backend.now();
      const [first, second, third] = await inTurn(env, () => {
        const a = backend.now();
        let work = 0;
        for (let i = 0; i < 300000; i++) work += i % 7;
        const b = backend.now();
        backend.nowUpdate();
        return [a, b, backend.now(), work];
      });
      equal(second, first, "now() within a turn");
      check(first >= before && third >= second, "now() ran backwards");
      check(Number.isFinite(backend.time()), "time() is not a number");
    },
  },
  {
    name: "a callback that throws stops nothing else of its turn",
    needs: ["faults"],
    async run({ backend }: Env, { faults }: Support): Promise<void> {
      const log: string[] = [];
      const done = deferred();
      backend.post(() => {
        log.push("a");
        throw new Error("first fault");
      });
      backend.post(() => log.push("b"));
      backend.timer(0, () => {
        log.push("c");
        throw new Error("second fault");
      });
      backend.timer(0, () => (log.push("d"), done.resolve()));
      await done.promise;
      equal(log, ["a", "b", "c", "d"], "what ran");
      equal(faults!.map(String), ["Error: first fault", "Error: second fault"], "reported");
      faults!.length = 0;
    },
  },
  {
    name: "zero timers, posts and I/O do not starve each other",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const rounds = 30;
      const counts = { timer: 0, post: 0 };
      const done = deferred();
      let running = true;
      const timer = (): void => {
        if (!running) return;
        counts.timer++;
        backend.timer(0, timer);
      };
      const post = (): void => {
        if (!running) return;
        counts.post++;
        if (counts.timer >= rounds && counts.post >= rounds) {
          running = false;
          done.resolve();
        } else backend.post(post);
      };
      timer();
      post();
      await done.promise;
      await turned(env);
      await elapsed(env, 0.001);
    },
  },
  {
    name: "hold() is a switch",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      backend.hold(true);
      backend.hold(true);
      backend.hold(false);
      backend.hold(true);
      await elapsed(env, 0.002);
    },
  },
  {
    name: "stats() counts what is registered, dispose() undoes it all",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const log: string[] = [];
      const before = backend.stats();
      const undo = backend.timer(0.005, () => log.push("timer"));
      backend.timer(30, () => log.push("late"))();
      equal(backend.stats().timers, before.timers + 1, "timers");
      backend.post(() => log.push("post"));
      equal(backend.stats().posted, before.posted + 1, "posted");
      backend.dispose();
      equal(backend.stats().timers, 0, "timers after dispose");
      equal(backend.stats().posted, 0, "posted after dispose");
      undo();
      backend.dispose();
      backend.hold(true);
      await elapsed(env, 0.01);
      equal(log, [], "ran after dispose");
    },
  },
  {
    name: "dispose() inside a callback lets nothing else of that turn run",
    needs: [],
    async run(env: Env): Promise<void> {
      const { backend } = env;
      const log: string[] = [];
      const done = deferred();
      await inTurn(env, () => {
        backend.post(() => log.push("post before"));
        backend.post(() => {
          backend.dispose();
          backend.hold(true);
          backend.timer(0.005, () => done.resolve());
        });
        backend.post(() => log.push("post after"));
        backend.timer(0, () => log.push("timer"));
        backend.idle?.(() => log.push("idle"));
      });
      await done.promise;
      equal(log, ["post before"], "what ran");
    },
  },
  {
    name: "hold() refuses what is no boolean",
    needs: [],
    run({ backend }: Env): void {
      throws(() => backend.hold(1 as unknown as boolean), "UsageError", "hold(1)");
    },
  },
  {
    name: "callbacks that are not functions are refused",
    needs: [],
    run({ backend }: Env): void {
      const wrong = undefined as unknown as () => void;
      throws(() => backend.post(wrong), "UsageError", "post(undefined)");
      throws(() => backend.timer(1, wrong), "UsageError", "timer(1, undefined)");
      throws(() => backend.idle?.(wrong) ?? backend.post(wrong), "UsageError", "idle(undefined)");
    },
  },
];
