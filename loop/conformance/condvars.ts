import { streamPair } from "@anyevent/backends/contract";
import type { CondVar } from "../condvar.ts";
import { type Case, check, rule, same } from "./case.ts";

async function thrownBy(cv: CondVar): Promise<unknown> {
  try {
    await cv.recv();
  } catch (error) {
    return error;
  }
  return "nothing";
}

function thrownIn(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Rules of condition variables. */
export const condvarCases: readonly Case[] = [
  rule("recv waits for send, and gives the first value; recvAll gives all", async (loop) => {
    const cv = loop.condvar<[number, string]>();
    loop.timer({ after: 0.001, cb: () => cv.send(1, "a") });
    same(cv.ready, false, "ready before");
    same(await cv.recv(), 1, "recv");
    same(cv.ready, true, "ready after");
    same(await cv.recvAll(), [1, "a"], "recvAll");
    same(await cv.recv(), 1, "recv again");
    same(cv.recvSync(), 1, "recvSync on a ready one");
  }),

  rule("send calls the callback inside, then wakes all who wait in order", async (loop) => {
    const order: string[] = [];
    const cv = loop.condvar({ cb: () => void order.push("cb") });
    const waits = [1, 2, 3].map((id) =>
      Promise.resolve(cv.recv()).then(() => void order.push(`waiter ${id}`))
    );
    loop.timer({
      after: 0.001,
      cb: () => {
        cv.send();
        order.push("after send");
      },
    });
    await Promise.all(waits);
    same(order, ["cb", "after send", "waiter 1", "waiter 2", "waiter 3"], "order");
  }),

  rule("a second send replaces the values and calls nothing", async (loop) => {
    let calls = 0;
    const cv = loop.condvar({ cb: () => void calls++ });
    cv.send(1);
    cv.send(2);
    same([calls, await cv.recv()], [1, 2], "calls and value");
  }),

  rule("a condvar is a function that sends, and not thenable", async (loop) => {
    const cv = loop.condvar();
    cv("x", "y");
    same(await cv.recvAll(), ["x", "y"], "values");
    check(!("then" in cv), "it has a then");
  }),

  rule("croak makes recv throw, also after send and for false values", async (loop) => {
    const error = new RangeError("mine");
    const object = loop.condvar();
    object.croak(error);
    check(await thrownBy(object) === error, "another object was thrown");
    object.send(1);
    check(await thrownBy(object) === error, "a later send took the error away");
    const sent = loop.condvar();
    sent.send(1);
    sent.croak("text");
    same((await thrownBy(sent) as Error).message, "text", "message");
    const falsy = loop.condvar();
    falsy.croak(0);
    check(await thrownBy(falsy) instanceof Error, "a false value was not thrown");
  }),

  rule("cb gets, sets, clears, and is called at once on a true condvar", (loop) => {
    const cv = loop.condvar();
    const order: string[] = [];
    const one = (): void => void order.push("one");
    const two = (): void => void order.push("two");
    check(cv.cb() === undefined, "a callback before one was set");
    check(cv.cb(one) === one, "the setter's result");
    check(cv.cb(two) === two && cv.cb() === two, "a later callback replaces the earlier");
    check(cv.cb(undefined) === undefined, "clearing");
    cv.cb(two);
    cv.send();
    check(cv.cb(one) === undefined, "the setter's result when it was called at once");
    same(order, ["two", "one"], "calls");
  }),

  rule("end sends nothing when the count comes down to zero, each time", async (loop) => {
    const cv = loop.condvar();
    cv.begin();
    cv.send("early");
    cv.begin();
    cv.end();
    same(await cv.recvAll(), ["early"], "before the last end");
    cv.end();
    same(await cv.recvAll(), [], "after the last end");
  }),

  rule("the outer pair of begin and end works for no subtasks and for many", async (loop) => {
    for (const subtasks of [0, 3]) {
      const cv = loop.condvar<[string]>();
      let done = 0;
      cv.begin(() => cv.send(`${done} done`));
      for (let i = 0; i < subtasks; i++) {
        cv.begin();
        loop.timer({
          after: 0.001 * i,
          cb: () => {
            done++;
            cv.end();
          },
        });
      }
      cv.end();
      same(await cv.recv(), `${subtasks} done`, "sent");
    }
  }),

  rule("end below zero does nothing until balanced", (loop) => {
    const cv = loop.condvar();
    cv.end();
    cv.begin();
    cv.begin();
    same(cv.ready, false, "ready");
    cv.end();
    same(cv.ready, true, "ready");
  }),

  rule("recvSync runs the loop inside the call, and not twice at once", (loop) => {
    const cv = loop.condvar<[string]>();
    let refused = "";
    loop.timer({
      after: 0.001,
      cb: () => {
        try {
          loop.condvar().recvSync();
        } catch (error) {
          refused = (error as Error).message;
        }
      },
    });
    loop.timer({ after: 0.002, cb: () => cv.send("sent") });
    same(cv.recvSync(), "sent", "value");
    check(refused.includes("recursive blocking wait attempted"), `refused with "${refused}"`);
  }, "block"),

  rule("a callback of a condvar that rejects is reported", async (loop) => {
    const done = loop.condvar<[string]>();
    loop.onCallbackError = (error) => done.send(String(error));
    loop.condvar({ cb: () => Promise.reject(new Error("mine")) }).send();
    same(await done.recv(), "Error: mine", "report");
  }),

  rule("what a condvar's callback throws goes to who sends", (loop) => {
    const cv = loop.condvar({
      cb: () => {
        throw new RangeError("mine");
      },
    });
    let thrown: unknown;
    try {
      cv.send(1);
    } catch (error) {
      thrown = error;
    }
    check(thrown instanceof RangeError, "nothing was thrown");
    same(cv.ready, true, "ready");
  }),

  rule("recvSync throws what croak was given, and waits for streams too", (loop) => {
    const cv = loop.condvar();
    loop.timer({ after: 0.001, cb: () => cv.croak(new RangeError("mine")) });
    check(thrownIn(() => cv.recvSync()) instanceof RangeError, "the error of croak");
    const [a, b] = streamPair(loop.env.backend);
    const read = loop.condvar<[number | null]>();
    const watcher = loop.io({
      fh: b,
      poll: "r",
      cb: () => read.send(b.tryRead(new Uint8Array(8))),
    });
    loop.timer({ after: 0.001, cb: () => void a.tryWrite(new Uint8Array(3)) });
    same(read.recvSync(), 3, "bytes");
    watcher.cancel();
  }, "block"),

  rule("a blocking wait that nothing can end is a DeadlockError, and the loop goes on", (loop) => {
    const cv = loop.condvar();
    for (const wait of [() => cv.recvSync(), () => loop.oneEvent()]) {
      same((thrownIn(wait) as Error | undefined)?.name, "DeadlockError", "thrown");
    }
    loop.timer({ after: 0.001, cb: () => cv.send("sent") });
    same(cv.recvSync(), "sent", "afterwards");
  }, "block"),

  rule("no blocking wait runs inside another, whichever they are", (loop) => {
    const waits: (() => unknown)[] = [
      () => loop.run(),
      () => loop.oneEvent(),
      () => loop.condvar().recvSync(),
    ];
    for (const outer of ["run", "oneEvent", "recvSync"] as const) {
      const refused: string[] = [];
      const cv = loop.condvar();
      loop.timer({
        after: 0.001,
        cb: () => {
          for (const wait of waits) refused.push((thrownIn(wait) as Error).message);
          cv.send();
        },
      });
      if (outer === "recvSync") cv.recvSync();
      else if (outer === "run") loop.run();
      else while (!cv.ready) loop.oneEvent();
      same(
        refused.filter((why) => why.includes("recursive blocking wait attempted")).length,
        waits.length,
        `refused inside ${outer}`,
      );
      // What is true already needs no waiting.
      same(cv.recvSync(), undefined, "value");
    }
  }, "block"),

  rule("run() also runs what is postponed, and leaves what is unref'd", (loop) => {
    const order: string[] = [];
    loop.postpone(() => {
      order.push("postponed");
      loop.postpone(() => void order.push("nested"));
    });
    const never = loop.timer({ after: 30, cb: () => void order.push("never") }).unref();
    loop.run();
    same(order, ["postponed", "nested"], "what ran");
    never.cancel();
  }, "block"),

  rule("run() goes on after a callback that throws", (loop) => {
    const order: string[] = [];
    loop.onCallbackError = (error) => void order.push(String(error));
    loop.timer({
      after: 0.001,
      cb: () => {
        throw new Error("mine");
      },
    });
    loop.timer({ after: 0.002, cb: () => void order.push("second") });
    loop.run();
    same(order, ["Error: mine", "second"], "what ran");
  }, "block"),

  rule("run() runs until nothing is active, oneEvent() for one turn", (loop) => {
    const order: string[] = [];
    loop.timer({ after: 0, cb: () => void order.push("first") });
    loop.oneEvent();
    same(order, ["first"], "after one event");
    loop.timer({ after: 0.002, cb: () => void order.push("third") });
    loop.timer({ after: 0.001, cb: () => void order.push("second") });
    loop.run();
    same(order, ["first", "second", "third"], "after run");
  }, "block"),
];
