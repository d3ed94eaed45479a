// Longer than most files here: it is a list of rules.
import { streamPair } from "@anyevent/backends/contract";
import { Loop } from "../loop.ts";
import { type Case, check, rule, same } from "./case.ts";

const BYTE = new Uint8Array([1]);

/** Rules of io, idle, signal and child watchers. */
export const watcherCases: readonly Case[] = [
  rule("io calls back each turn while there is data, never inside the call", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    a.tryWrite(BYTE);
    let calls = 0;
    const done = loop.condvar();
    const watcher = loop.io({
      fh: b,
      poll: "r",
      cb: () => {
        // Unread data: it is ready again.
        if (++calls === 3) done.send();
        if (calls >= 3) b.tryRead(new Uint8Array(8));
      },
    });
    same(calls, 0, "called inside the call");
    await done.recv();
    await loop.sleep(0.005);
    same(calls, 3, "calls");
    watcher.cancel();
  }),

  rule("cancelling an io watcher loses no data, and the next one finds it", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const first = loop.io({ fh: b, poll: "r", cb: () => first.cancel() });
    a.tryWrite(new Uint8Array([1, 2, 3]));
    await loop.sleep(0.005);
    check(!first.active, "was not called");
    const done = loop.condvar<[number | null]>();
    const second = loop.io({
      fh: b,
      poll: "r",
      cb: () => done.send(b.tryRead(new Uint8Array(8))),
    });
    same(await done.recv(), 3, "bytes read");
    second.cancel();
  }),

  rule("end of file counts as readable", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const done = loop.condvar<[number | null]>();
    const watcher = loop.io({
      fh: b,
      poll: "r",
      cb: () => done.send(b.tryRead(new Uint8Array(8))),
    });
    a.close();
    same(await done.recv(), null, "read");
    watcher.cancel();
  }),

  rule("all watchers of a stream are called; one cancelled by another is not", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const order: string[] = [];
    const done = loop.condvar();
    const one = loop.io({
      fh: b,
      poll: "r",
      cb: () => {
        order.push("one");
        two.cancel();
      },
    });
    const two = loop.io({ fh: b, poll: "r", cb: () => void order.push("two") });
    const three = loop.io({
      fh: b,
      poll: "r",
      cb: () => {
        order.push("three");
        b.tryRead(new Uint8Array(8));
        done.send();
      },
    });
    a.tryWrite(BYTE);
    await done.recv();
    same(order, ["one", "three"], "order");
    one.cancel();
    three.cancel();
  }),

  rule("io waits until there is room to write", async (loop) => {
    const [a, b] = streamPair(loop.env.backend, { capacity: 4 });
    same(a.tryWrite(new Uint8Array(10)), 4, "bytes taken");
    let calls = 0;
    const done = loop.condvar();
    const watcher = loop.io({
      fh: a,
      poll: "w",
      cb: () => {
        calls++;
        watcher.cancel();
        done.send();
      },
    });
    await loop.sleep(0.005);
    same(calls, 0, "calls while full");
    b.tryRead(new Uint8Array(8));
    await done.recv();
    same(calls, 1, "calls with room");
  }),

  rule("a zero timer that makes itself again does not starve io", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    let over = false;
    const again = (): void => {
      if (!over) loop.timer({ after: 0, cb: again });
    };
    again();
    a.tryWrite(BYTE);
    const done = loop.condvar();
    const watcher = loop.io({ fh: b, poll: "r", cb: done });
    await done.recv();
    watcher.cancel();
    over = true;
    await loop.sleep(0.005);
  }),

  rule("two readers and a writer share a stream, and nothing is lost", async (loop) => {
    const [a, b] = streamPair(loop.env.backend, { capacity: 1000 });
    const count = 20_000;
    const done = loop.condvar();
    let sent = 0;
    let next = 0;
    const reads = [0, 0];
    const writer = loop.io({
      fh: a,
      poll: "w",
      cb: () => {
        const bytes = Uint8Array.from({ length: 700 }, (_, i) => (sent + i) % 251);
        sent += a.tryWrite(bytes.subarray(0, count - sent));
        if (sent === count) writer.cancel();
      },
    });
    const readers = [0, 1].map((which) =>
      loop.io({
        fh: b,
        poll: "r",
        cb: () => {
          const into = new Uint8Array(300);
          const got = b.tryRead(into) ?? 0;
          for (let i = 0; i < got; i++) check(into[i] === next++ % 251, "bytes were swapped");
          reads[which] += got;
          if (next === count) done.send();
        },
      })
    );
    await done.recv();
    check(reads.every((each) => each > 0), `one reader starved: ${reads}`);
    for (const reader of readers) reader.cancel();
  }),

  rule("closing a stream ends its watchers, also inside a callback of one", async (loop) => {
    for (const inside of [false, true]) {
      const [a, b] = streamPair(loop.env.backend);
      const order: string[] = [];
      const done = loop.condvar();
      const cb = (): void => {
        order.push("called");
        if (inside) b.close();
        done.send();
      };
      const watchers = [
        loop.io({ fh: b, poll: "r", cb }),
        loop.io({ fh: b, poll: "r", cb: () => void order.push("sibling") }),
        loop.io({ fh: b, poll: "w", cb: () => {} }),
      ];
      a.tryWrite(BYTE);
      if (inside) await done.recv();
      else b.close();
      same(watchers.map((it) => it.active), [false, false, false], "active");
      same([loop.stats().ios, loop.stats().held], [0, 0], "counted");
      await loop.sleep(0.003);
      same(order, inside ? ["called"] : [], "calls");
      for (const watcher of watchers) watcher.cancel();
      a.close();
    }
  }),

  rule("watchers may be made and cancelled inside callbacks", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const order: string[] = [];
    const done = loop.condvar();
    const first = loop.io({
      fh: b,
      poll: "r",
      cb: () => {
        order.push("first");
        first.cancel();
        const second = loop.io({
          fh: b,
          poll: "r",
          cb: () => {
            order.push("second");
            second.cancel();
            second.cancel();
            done.send();
          },
        });
        order.push("end of first");
      },
    });
    a.tryWrite(BYTE);
    await done.recv();
    same(order, ["first", "end of first", "second"], "order");
  }),

  rule("a callback that throws or rejects is reported, for each kind of watcher", async (loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const kinds: [string, (cb: () => unknown) => { cancel(): void } | undefined][] = [
      ["io", (cb) => loop.io({ fh: b, poll: "r", cb })],
      ["timer", (cb) => loop.timer({ after: 0, cb })],
      ["idle", (cb) => loop.idle({ cb })],
      ["postpone", (cb) => (loop.postpone(cb), undefined)],
    ];
    a.tryWrite(BYTE);
    for (const [kind, make] of kinds) {
      for (const how of ["thrown", "rejected"]) {
        const seen = loop.condvar<[string]>();
        loop.onCallbackError = (error, what) => seen.send(`${error} in ${what.describe()}`);
        const watcher = make(() => {
          watcher?.cancel();
          if (how === "thrown") throw new Error(how);
          return Promise.reject(new Error(how));
        });
        const told = await seen.recv();
        check(told?.startsWith(`Error: ${how} in ${kind}(`) === true, `${kind}: ${told}`);
      }
    }
  }),

  rule("an onCallbackError that throws stops nothing", async ({ env }) => {
    const { name, backend, net, host, random } = env;
    const logged: string[] = [];
    const log = (_level: number, message: string): void => void logged.push(message);
    const loop = new Loop({ name, backend, net, host, random, log });
    const done = loop.condvar();
    loop.onCallbackError = () => {
      throw new Error("worse");
    };
    loop.timer({
      after: 0,
      cb: () => {
        throw new Error("bad");
      },
    });
    loop.timer({ after: 0, cb: done });
    await done.recv();
    loop.dispose();
    same(logged.map((line) => /worse|bad/.exec(line)?.[0]), ["worse", "bad"], "logged");
  }),

  rule("idle watchers cancelled by one before them are not called", async (loop) => {
    const order: string[] = [];
    const done = loop.condvar();
    const first = loop.idle({
      cb: () => {
        order.push("first");
        first.cancel();
        second.cancel();
      },
    });
    const second = loop.idle({ cb: () => void order.push("second") });
    const third = loop.idle({
      cb: () => {
        order.push("third");
        third.cancel();
        done.send();
      },
    });
    await done.recv();
    same(order, ["first", "third"], "order");
  }),

  rule("idle comes after what is pending, and again and again until cancelled", async (loop) => {
    const order: string[] = [];
    const done = loop.condvar();
    let calls = 0;
    const idle = loop.idle({
      cb: () => {
        order.push("idle");
        if (++calls === 3) {
          idle.cancel();
          done.send();
        }
      },
    });
    loop.postpone(() => void order.push("posted"));
    loop.timer({ after: 0, cb: () => void order.push("timer") });
    await done.recv();
    await loop.sleep(0.005);
    same(order.length, 5, "calls");
    same(order.slice(2), ["idle", "idle", "idle"], "what came last");
  }),

  rule("idle does not stop timers", async (loop) => {
    const done = loop.condvar();
    const idle = loop.idle({ cb: () => {} });
    loop.timer({ after: 0.01, cb: done });
    await done.recv();
    idle.cancel();
  }),

  rule("every watcher of a signal is called, in order of creation", async (loop, support) => {
    const order: string[] = [];
    const done = loop.condvar();
    const cb = (): void => void order.push("same");
    const keep = loop.timer({ after: 30, cb: () => done.croak("no signal in 30 s") });
    const watchers = [
      loop.signal({ signal: "USR1", cb: () => void order.push("first") }),
      loop.signal({ signal: "USR1", cb }),
      loop.signal({ signal: "USR1", cb }),
      loop.signal({ signal: "USR1", cb: done }),
    ];
    support.raise("USR1");
    same(order, [], "called inside the call");
    await done.recv();
    for (const watcher of watchers) watcher.cancel();
    keep.cancel();
    same(order, ["first", "same", "same"], "order");
  }, "signal"),

  rule(
    "a signal watcher is not called after cancel, the others still are",
    async (loop, support) => {
      const order: string[] = [];
      const done = loop.condvar();
      const keep = loop.timer({ after: 30, cb: () => done.croak("no signal in 30 s") });
      const gone = loop.signal({ signal: "USR2", cb: () => void order.push("gone") });
      const stays = loop.signal({ signal: "USR2", cb: done });
      gone.cancel();
      support.raise("USR2");
      await done.recv();
      stays.cancel();
      keep.cancel();
      same(order, [], "calls");
    },
    "signal",
  ),

  rule("many signals at once may count as one, but not as none", async (loop, support) => {
    let calls = 0;
    const done = loop.condvar();
    const keep = loop.timer({ after: 30, cb: () => done.croak("no signal in 30 s") });
    const watcher = loop.signal({
      signal: "USR1",
      cb: () => {
        calls++;
        done.send();
      },
    });
    for (let i = 0; i < 20; i++) support.raise("USR1");
    await done.recv();
    await loop.sleep(0.01);
    check(calls >= 1 && calls <= 20, `${calls} calls for 20 signals`);
    watcher.cancel();
    keep.cancel();
  }, "signal"),

  rule(
    "a signal watcher cancelled by one before it is not called, faults stay local",
    async (loop, support) => {
      const order: string[] = [];
      const done = loop.condvar();
      const keep = loop.timer({ after: 30, cb: () => done.croak("no signal in 30 s") });
      loop.onCallbackError = (error) => void order.push(String(error));
      const first = loop.signal({
        signal: "USR2",
        cb: () => {
          second.cancel();
          first.cancel();
          throw new Error("first");
        },
      });
      const second = loop.signal({ signal: "USR2", cb: () => void order.push("second") });
      const third = loop.signal({ signal: "USR2", cb: done });
      support.raise("USR2");
      await done.recv();
      same(order, ["Error: first"], "order");
      third.cancel();
      keep.cancel();
    },
    "signal",
  ),

  rule("a child watcher gets the raw status, once", async (loop, support) => {
    const started = support.spawn(3);
    const done = loop.condvar<[number, number]>();
    const watcher = loop.child({
      pid: started.child,
      cb: (pid, status) => done.send(pid, status),
    });
    same(await done.recvAll(), [started.pid, 3 << 8], "pid and status");
    check(!watcher.active, "still active");
    await started.ended;
  }, "child"),

  rule("a killed child has the signal's number as status", async (loop, support) => {
    const started = support.spawn(undefined);
    const done = loop.condvar<[number]>();
    loop.child({ pid: started.child, cb: (_pid, status) => done.send(status) });
    started.kill();
    same(await done.recv(), 9, "status");
    await started.ended;
  }, "child"),

  rule("all watchers of a child are called, then those of any child", async (loop, support) => {
    const started = support.spawn(0);
    const order: string[] = [];
    const done = loop.condvar();
    const any = loop.child({
      pid: 0,
      cb: (pid) => {
        order.push(pid === started.pid ? "any" : "wrong pid");
        done.send();
      },
    });
    loop.child({ pid: started.child, cb: () => void order.push("one") });
    loop.child({ pid: started.child, cb: () => void order.push("two") });
    loop.child({ pid: started.child, cb: () => void order.push("gone") }).cancel();
    await done.recv();
    any.cancel();
    same(order, ["one", "two", "any"], "order");
    await started.ended;
  }, "child"),

  rule(
    "a child's watcher cancelled by one before it is not called, faults stay local",
    async (loop, support) => {
      const started = support.spawn(0);
      const order: string[] = [];
      const done = loop.condvar();
      loop.onCallbackError = (error) => void order.push(String(error));
      loop.child({
        pid: started.child,
        cb: () => {
          second.cancel();
          throw new Error("first");
        },
      });
      const second = loop.child({ pid: started.child, cb: () => void order.push("second") });
      loop.child({ pid: started.child, cb: done });
      await done.recv();
      same(order, ["Error: first"], "order");
      await started.ended;
    },
    "child",
  ),

  rule("a child that has ended before is told, not inside the call", async (loop, support) => {
    const started = support.spawn(1);
    await started.ended;
    const done = loop.condvar<[number]>();
    loop.child({ pid: started.child, cb: (_pid, status) => done.send(status) });
    same(done.ready, false, "called inside the call");
    same(await done.recv(), 1 << 8, "status");
  }, "child"),

  rule("a watcher given a condvar sends to it", async (loop) => {
    const cv = loop.condvar();
    loop.timer({ after: 0, cb: cv });
    same(await cv.recvAll(), [], "values");
  }),

  rule("dispose() inside a callback lets nothing else run", async (loop) => {
    const { env } = loop;
    const order: string[] = [];
    const never = (): void => void order.push("called");
    const disposed = new Promise<void>((resolve) => {
      loop.postpone(() => {
        loop.timer({ after: 0, cb: never });
        loop.postpone(never);
        loop.idle({ cb: never });
        loop.dispose();
        loop.dispose();
        env.backend.timer(0.005, resolve);
        env.backend.hold(true);
      });
    });
    await disposed;
    env.backend.hold(false);
    same(order, [], "calls");
    for (
      const make of [() => loop.timer({ after: 0, cb: never }), () => loop.idle({ cb: never })]
    ) {
      let name = "";
      try {
        make();
      } catch (error) {
        name = (error as Error).name;
      }
      same(name, "ClosedError", "a watcher on a loop that was disposed of");
    }
  }),

  rule("dispose() cancels everything", async (loop) => {
    const env = loop.env;
    const [a, b] = streamPair(env.backend);
    let calls = 0;
    const cb = (): void => void calls++;
    loop.timer({ after: 0, interval: 0.001, cb });
    loop.idle({ cb });
    loop.io({ fh: b, poll: "r", cb });
    a.tryWrite(BYTE);
    loop.dispose();
    await new Promise((resolve) => env.backend.post(() => resolve(undefined)));
    same(calls, 0, "calls");
  }),
];
