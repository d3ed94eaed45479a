import type { ChildStatus } from "../contract/backend.ts";
import type { Env } from "../contract/env.ts";
import { type Case, deferred, elapsed, needed, type Support, turned } from "./case.ts";
import { check, equal, throws } from "./expect.ts";

/** Signals, children, idle callbacks. */
export const eventCases: readonly Case[] = [
  {
    name: "signal() calls every watcher, and none after undo",
    needs: ["signal"],
    async run(env: Env, support: Support): Promise<void> {
      const signal = needed(env.backend.signal, "signal").bind(env.backend);
      const raise = needed(support.raise, "support.raise").bind(support);
      const log: string[] = [];
      const done = deferred();
      const undoFirst = signal("USR1", () => log.push("first"));
      const undoSecond = signal("USR1", () => (log.push("second"), done.resolve()));
      raise("USR1");
      equal(log, [], "called inside the call");
      await done.promise;
      equal(log, ["first", "second"], "watchers");
      undoFirst();
      undoFirst();
      const again = deferred();
      const undoThird = signal("USR1", () => again.resolve());
      raise("USR1");
      await again.promise;
      equal(log, ["first", "second", "second"], "watchers after undo");
      undoSecond();
      undoThird();
    },
  },
  {
    name: "signal() may count many at once as one, but not as none",
    needs: ["signal"],
    async run(env: Env, support: Support): Promise<void> {
      const signal = needed(env.backend.signal, "signal").bind(env.backend);
      const raise = needed(support.raise, "support.raise").bind(support);
      let calls = 0;
      const done = deferred();
      const undo = signal("USR2", () => {
        calls++;
        done.resolve();
      });
      for (let i = 0; i < 20; i++) raise("USR2");
      await done.promise;
      await elapsed(env, 0.01);
      check(calls >= 1 && calls <= 20, `${calls} calls for 20 signals`);
      undo();
    },
  },
  {
    name: "signal() refuses names that are none",
    needs: ["signal"],
    run(env: Env): void {
      const signal = needed(env.backend.signal, "signal").bind(env.backend);
      throws(() => signal("SIGINT", () => {}), "UsageError", 'signal("SIGINT")');
      throws(() => signal("NOSUCH", () => {}), "UsageError", 'signal("NOSUCH")');
    },
  },
  {
    name: "child() tells the exit code",
    needs: ["child"],
    async run(env: Env, support: Support): Promise<void> {
      const child = needed(env.backend.child, "child").bind(env.backend);
      const done = deferred<ChildStatus>();
      const spawned = needed(support.spawn, "support.spawn").call(support, { code: 3 });
      const undo = child(spawned, (ended) => done.resolve(ended));
      const { pid, status } = await done.promise;
      equal(status, 3 << 8, "status");
      check(pid > 0, "pid");
      equal(env.backend.stats().children, 0, "registered after it fired");
      undo();
      // By pid, and after the end.
      const again = deferred<ChildStatus>();
      child(pid, (ended) => again.resolve(ended));
      equal(await again.promise, { pid, status: 3 << 8 }, "status of a child that has ended");
    },
  },
  {
    name: "child() tells the signal that ended it",
    needs: ["child"],
    async run(env: Env, support: Support): Promise<void> {
      const child = needed(env.backend.child, "child").bind(env.backend);
      const spawned = needed(support.spawn, "support.spawn").call(support, { signal: "TERM" });
      const done = deferred<ChildStatus>();
      child(spawned, (ended) => done.resolve(ended));
      equal((await done.promise).status, 15, "status");
    },
  },
  {
    name: "child() calls several watchers, and none after undo",
    needs: ["child"],
    async run(env: Env, support: Support): Promise<void> {
      const child = needed(env.backend.child, "child").bind(env.backend);
      const spawned = needed(support.spawn, "support.spawn").call(support, { code: 0 });
      const log: string[] = [];
      const done = deferred();
      child(spawned, () => log.push("first"));
      const undo = child(spawned, () => log.push("undone"));
      child(spawned, ({ status }) => (log.push(`last ${status}`), done.resolve()));
      undo();
      await done.promise;
      equal(log, ["first", "last 0"], "watchers");
      throws(() => child({}, () => {}), "UsageError", "child({})");
    },
  },
  {
    name: "idle() is called in every turn that has nothing else to do, until undone",
    needs: ["idle"],
    async run(env: Env): Promise<void> {
      const idle = needed(env.backend.idle, "idle").bind(env.backend);
      const log: string[] = [];
      const done = deferred();
      env.backend.post(() => log.push("post"));
      let calls = 0;
      const undo = idle(() => {
        if (calls++ === 0) log.push("idle");
        if (calls === 3) done.resolve();
      });
      equal(calls, 0, "called inside the call");
      await done.promise;
      equal(log, ["post", "idle"], "order");
      undo();
      undo();
      const before = calls;
      await turned(env);
      await elapsed(env, 0.005);
      equal(calls, before, "called after undo");
    },
  },
  {
    name: "idle() does not starve timers",
    needs: ["idle"],
    async run(env: Env): Promise<void> {
      const idle = needed(env.backend.idle, "idle").bind(env.backend);
      let calls = 0;
      const undo = idle(() => void calls++);
      await elapsed(env, 0.01);
      undo();
      check(calls > 0, "never called");
    },
  },
  {
    name: "runUntil() runs turns until it is done, runOnce() one",
    needs: ["block"],
    run(env: Env): void {
      const runOnce = needed(env.backend.runOnce, "runOnce").bind(env.backend);
      const runUntil = needed(env.backend.runUntil, "runUntil").bind(env.backend);
      const log: string[] = [];
      env.backend.post(() => {
        log.push("post");
        env.backend.post(() => log.push("later"));
      });
      runOnce();
      equal(log, ["post"], "one turn");
      env.backend.timer(0.01, () => log.push("timer"));
      runUntil(() => log.includes("timer"));
      equal(log, ["post", "later", "timer"], "until done");
    },
  },
];
