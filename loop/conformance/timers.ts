import { type Case, check, rule, same } from "./case.ts";

/** Rules of timers, clocks and postponed callbacks. */
export const timerCases: readonly Case[] = [
  rule("a timer fires once, not before its time, never inside the call", async (loop) => {
    const done = loop.condvar<[number]>();
    const begun = loop.now();
    let inside = true;
    const timer = loop.timer({
      after: 0.01,
      cb: () => {
        check(!inside, "called inside the call");
        done.send(loop.now());
      },
    });
    inside = false;
    const at = await done.recv();
    check(at >= begun + 0.01, `fired ${begun + 0.01 - at} s early`);
    check(!timer.active, "still active after it has fired");
    await loop.sleep(0.02);
  }),

  rule("zero and negative delays fire in order of creation", async (loop) => {
    const order: string[] = [];
    const done = loop.condvar();
    loop.timer({ after: 0, cb: () => void order.push("zero") });
    loop.timer({ after: -3, cb: () => void order.push("negative") });
    loop.timer({ after: 0, cb: done });
    same(order, [], "called inside the call");
    await done.recv();
    same(order, ["zero", "negative"], "order");
  }),

  rule("timers fire by deadline, equal ones in order of creation", async (loop) => {
    const order: number[] = [];
    const done = loop.condvar();
    // Made in one callback, so that they count from the same moment.
    loop.postpone(() => {
      for (const [id, after] of [[4, 0.02], [1, 0.01], [2, 0.01], [5, 0.02], [3, 0.01]]) {
        loop.timer({ after, cb: () => void order.push(id) });
      }
      loop.timer({ after: 0.02, cb: done });
    });
    await done.recv();
    same(order, [1, 2, 3, 4, 5], "order");
  }),

  rule("a repeating timer goes on until cancelled in its own callback", async (loop) => {
    let calls = 0;
    const done = loop.condvar();
    const timer = loop.timer({
      after: 0,
      interval: 0.005,
      cb: () => {
        if (++calls < 3) return;
        timer.cancel();
        done.send();
      },
    });
    await done.recv();
    await loop.sleep(0.02);
    same(calls, 3, "calls");
    check(!timer.active, "active after cancel");
  }),

  rule("missed ticks collapse into one, and the grid goes on from there", async (loop) => {
    const interval = 0.05;
    let best = Infinity;
    // Other programs have the processor too: the best of some attempts tells.
    for (let attempt = 0; attempt < 5 && best >= interval; attempt++) {
      const at: number[] = [];
      const done = loop.condvar();
      const timer = loop.timer({
        after: interval,
        interval,
        cb: () => {
          at.push(loop.now());
          if (at.length === 1) {
            const until = loop.time() + interval * 2.6;
            while (loop.time() < until);
          }
          if (at.length === 4) {
            timer.cancel();
            done.send();
          }
        },
      });
      await done.recv();
      check(at[1] - at[0] >= interval, "the second tick came early");
      check(at[3] - at[1] >= interval - 1e-4, "more than one missed tick was made up for");
      best = Math.min(best, at[2] - at[1]);
    }
    check(best < interval, "the missed tick did not come at once");
  }),

  rule("a sibling due in the same turn is not called once cancelled", async (loop) => {
    const order: string[] = [];
    const done = loop.condvar();
    loop.postpone(() => {
      loop.timer({
        after: 0.005,
        cb: () => {
          order.push("first");
          second.cancel();
        },
      });
      const second = loop.timer({ after: 0.005, cb: () => void order.push("second") });
      loop.timer({ after: 0.005, cb: done });
    });
    await done.recv();
    same(order, ["first"], "order");
  }),

  rule(
    "a zero timer that makes itself again starves neither posts nor later timers",
    async (loop) => {
      const done = loop.condvar();
      done.begin();
      let over = false;
      const again = (): void => {
        if (!over) loop.timer({ after: 0, cb: again });
      };
      again();
      done.begin();
      loop.postpone(() => done.end());
      loop.timer({ after: 0.01, cb: () => done.end() });
      await done.recv();
      over = true;
      await loop.sleep(0.005);
    },
  ),

  rule("now() stands still during a callback, nowUpdate() lets it catch up", async (loop) => {
    const done = loop.condvar<[number[]]>();
    loop.timer({
      after: 0,
      cb: () => {
        const first = loop.now();
        const until = loop.time() + 0.01;
        while (loop.time() < until);
        const second = loop.now();
        loop.nowUpdate();
        done.send([first, second, loop.now()]);
      },
    });
    const [first, second, third] = await done.recv();
    same(second, first, "now() in one callback");
    check(third >= first + 0.009, `nowUpdate() moved now() by ${third - first} s only`);
    check(Math.abs(loop.now() - loop.time()) < 60, "now() does not read as epoch seconds");
  }),

  rule("postponed callbacks come in order, never inside the call", async (loop) => {
    const order: string[] = [];
    const done = loop.condvar();
    loop.postpone(() => {
      order.push("a");
      loop.postpone(() => {
        order.push("nested");
        done.send();
      });
      order.push("end of a");
    });
    loop.postpone(() => void order.push("b"));
    same(order, [], "called inside the call");
    await done.recv();
    same(order, ["a", "end of a", "b", "nested"], "order");
  }),

  rule("sleep() takes its time, and shorter ones end first", async (loop) => {
    const begun = loop.now();
    const order: string[] = [];
    await Promise.all([
      Promise.resolve(loop.sleep(0.02)).then(() => void order.push("long")),
      Promise.resolve(loop.sleep(0.005)).then(() => void order.push("short")),
    ]);
    same(order, ["short", "long"], "order");
    check(loop.now() >= begun + 0.02, "woke early");
  }),

  rule("a hundred thousand timers fire, each once", async (loop) => {
    const done = loop.condvar();
    const calls = new Uint8Array(100_000);
    done.begin();
    for (let i = 0; i < calls.length; i++) {
      done.begin();
      loop.addTimer((i * 7919 % 100) / 10_000, 0, () => {
        calls[i]++;
        done.end();
      });
    }
    done.end();
    await done.recv();
    check(calls.every((it) => it === 1), "a timer did not fire exactly once");
  }),

  rule("delays beyond 2 to the 31 milliseconds do not fire at once", async (loop) => {
    let calls = 0;
    const delays = [2 ** 31 / 1000 + 0.001, 2 ** 32 / 1000 + 0.001, 1e9, 1e15];
    const timers = delays.map((after) => loop.timer({ after, cb: () => void calls++ }));
    const every = loop.timer({ after: 2 ** 31, interval: 2 ** 31, cb: () => void calls++ });
    await loop.sleep(0.02);
    same(calls, 0, "calls");
    for (const timer of [...timers, every]) timer.cancel();
  }),

  rule("setting the wall clock moves time(), neither now() nor a timer", async (loop, support) => {
    for (const step of [7200, -7200]) {
      const [wall, begun] = [loop.time(), loop.now()];
      const done = loop.condvar<[number]>();
      const hour = loop.timer({ after: 3600, cb: () => done.croak("an hour's timer fired") });
      let ticks = 0;
      const every = loop.timer({
        after: 0.005,
        interval: 0.005,
        cb: () => {
          if (++ticks === 3) done.send(loop.now());
        },
      });
      support.stepClock!(step);
      try {
        check(Math.abs(loop.time() - wall - step) < 60, "time() is not the wall clock");
        const at = await done.recv();
        check(at >= begun + 0.015 && at < begun + 60, `fired after ${at - begun} s`);
      } finally {
        support.stepClock!(-step);
        hour.cancel();
        every.cancel();
      }
    }
  }, "clock"),

  rule("the time that a callback takes does not make a repeating timer drift", async (loop) => {
    const interval = 0.02;
    const ticks = 6;
    let best = Infinity;
    // Other programs have the processor too: the best of some attempts tells.
    for (let attempt = 0; attempt < 5 && best >= interval; attempt++) {
      const begun = loop.now();
      const done = loop.condvar<[number]>();
      let calls = 0;
      const timer = loop.timer({
        after: interval,
        interval,
        cb: () => {
          if (++calls === ticks) {
            timer.cancel();
            return done.send(loop.now());
          }
          const until = loop.time() + interval * 0.75;
          while (loop.time() < until);
        },
      });
      const late = await done.recv() - begun - ticks * interval;
      check(late >= -1e-6, `came ${-late} s early`);
      best = Math.min(best, late);
    }
    check(best < interval, `drifted by ${best} s in ${ticks} ticks of ${interval} s`);
  }),

  rule("a repeating timer goes on although its callback throws", async (loop) => {
    const done = loop.condvar();
    let reports = 0;
    loop.onCallbackError = () => {
      if (++reports === 3) done.send();
    };
    const timer = loop.timer({
      after: 0,
      interval: 0.001,
      cb: () => {
        throw new Error("each time");
      },
    });
    await done.recv();
    timer.cancel();
  }),

  rule("a callback that throws or rejects is reported, and stops nothing", async (loop) => {
    const done = loop.condvar();
    const seen: string[] = [];
    done.begin();
    done.begin();
    done.begin();
    loop.onCallbackError = (error, what) => {
      seen.push(`${error} in ${what.describe()}`);
      done.end();
    };
    loop.timer({
      after: 0,
      cb: () => {
        throw new Error("thrown");
      },
    });
    loop.timer({ after: 0, cb: () => done.end() });
    loop.timer({ after: 0.001, cb: () => Promise.reject(new Error("rejected")) });
    await done.recv();
    same(seen, ["Error: thrown in timer(0)", "Error: rejected in timer(0.001)"], "reports");
  }),
];
