import { streamPair } from "@anyevent/backends/contract";
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
