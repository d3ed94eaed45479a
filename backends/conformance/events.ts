import type { ChildStatus, Undo } from "../contract/backend.ts";
import type { Env } from "../contract/env.ts";
import { streamPair } from "../contract/pipe.ts";
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
    name: "a signal's watcher that one before it has undone is not called",
    needs: ["signal"],
    async run(env: Env, support: Support): Promise<void> {
      const signal = needed(env.backend.signal, "signal").bind(env.backend);
      const raise = needed(support.raise, "support.raise").bind(support);
      const log: string[] = [];
      const done = deferred();
      const undoFirst = signal("USR1", () => {
        log.push("first");
        undoSecond();
        undoFirst();
      });
      const undoSecond = signal("USR1", () => log.push("second"));
      const undoThird = signal("USR1", () => (log.push("third"), done.resolve()));
      raise("USR1");
      await done.promise;
      await turned(env);
      equal(log, ["first", "third"], "watchers");
      undoThird();
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
    name: "a child's watcher that one before it has undone is not called",
    needs: ["child"],
    async run(env: Env, support: Support): Promise<void> {
      const child = needed(env.backend.child, "child").bind(env.backend);
      const spawned = needed(support.spawn, "support.spawn").call(support, { code: 0 });
      const log: string[] = [];
      const done = deferred();
      const undos: Undo[] = [];
      undos.push(child(spawned, () => {
        log.push("first");
        for (const undo of undos) undo();
      }));
      undos.push(child(spawned, () => log.push("second")));
      child(spawned, () => (log.push("third"), done.resolve()));
      await done.promise;
      await turned(env);
      equal(log, ["first", "third"], "watchers");
    },
  },
  {
    name: "children() follows all, tells how many live, and comes after the child's own watchers",
    needs: ["children", "child"],
    async run(env: Env, support: Support): Promise<void> {
      const { backend } = env;
      const child = needed(backend.child, "child").bind(backend);
      const children = needed(backend.children, "children").bind(backend);
      const spawn = needed(support.spawn, "support.spawn").bind(support);
      const log: string[] = [];
      const done = deferred();
      let living = -1;
      let mine = 0;
      const undo = children(({ pid, status }) => {
        if (pid !== mine) return;
        log.push(`any ${status}`);
        done.resolve();
      }, (count) => living = count);
      check(living >= 0, "the first number is not told inside the call");
      const undone = children(() => log.push("undone"), () => {});
      undone();
      const before = living;
      child(spawn({ code: 5 }), ({ pid, status }) => {
        mine = pid;
        log.push(`own ${status}`);
      });
      equal(living, before + 1, "living");
      await done.promise;
      await turned(env);
      equal(log, [`own ${5 << 8}`, `any ${5 << 8}`], "order");
      equal(living, before, "living after the end");
      undo();
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
    name:
      "an idle callback that one before it has undone is not called, one that throws harms none",
    needs: ["idle", "faults"],
    async run(env: Env, { faults }: Support): Promise<void> {
      const idle = needed(env.backend.idle, "idle").bind(env.backend);
      const log: string[] = [];
      const done = deferred();
      const undoFirst = idle(() => {
        log.push("first");
        undoFirst();
        undoSecond();
        throw new Error("idle fault");
      });
      const undoSecond = idle(() => log.push("second"));
      const undoThird = idle(() => (log.push("third"), done.resolve(), undoThird()));
      await done.promise;
      equal(log, ["first", "third"], "what ran");
      equal(faults!.map(String), ["Error: idle fault"], "faults");
      faults!.length = 0;
    },
  },
  {
    name: "runUntil() returns at once when it is done, and wakes for streams",
    needs: ["block"],
    run(env: Env): void {
      const { backend } = env;
      const runUntil = needed(backend.runUntil, "runUntil").bind(backend);
      const log: string[] = [];
      const undo = backend.timer(0, () => log.push("timer"));
      runUntil(() => true);
      equal(log, [], "ran although it was done");
      undo();
      const [a, b] = streamPair(backend);
      const undoIo = backend.io(b, "r", () => {
        log.push(`read ${b.tryRead(new Uint8Array(8))}`);
        undoIo();
      });
      backend.timer(0.002, () => a.tryWrite(new Uint8Array(3)));
      runUntil(() => log.length > 0);
      equal(log, ["read 3"], "what ran");
      a.close();
      b.close();
    },
  },
  {
    name: "runUntil() inside a callback runs what is left, each once",
    needs: ["block"],
    run(env: Env): void {
      const { backend } = env;
      const runUntil = needed(backend.runUntil, "runUntil").bind(backend);
      const log: string[] = [];
      backend.post(() => {
        log.push("outer");
        backend.timer(0.001, () => log.push("inner timer"));
        runUntil(() => log.includes("inner timer"));
        log.push("outer again");
      });
      backend.post(() => log.push("sibling"));
      runUntil(() => log.includes("outer again"));
      equal(log, ["outer", "sibling", "inner timer", "outer again"], "order");
    },
  },
  {
    name: "runUntil() goes on after a callback that throws, and hands on what done() throws",
    needs: ["block", "faults"],
    run(env: Env, { faults }: Support): void {
      const { backend } = env;
      const runUntil = needed(backend.runUntil, "runUntil").bind(backend);
      let ran = false;
      backend.post(() => {
        throw new Error("posted");
      });
      backend.timer(0.001, () => ran = true);
      runUntil(() => ran);
      equal(faults!.map(String), ["Error: posted"], "faults");
      faults!.length = 0;
      const undo = backend.timer(20, () => {});
      throws(
        () =>
          runUntil(() => {
            throw new RangeError("done");
          }),
        "RangeError",
        "runUntil",
      );
      undo();
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
