import assert from "node:assert/strict";
import { CondVar, type CondVar as CondVarType, Loop, UsageError } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

function make<T extends readonly unknown[] = unknown[]>(): CondVarType<T> {
  return new Loop(manualEnv()).condvar<T>();
}

Deno.test("send() makes it true; recv() gives the first value, recvAll() all, any number of times", async () => {
  const cv = make<[number, string]>();
  assert.equal(cv.ready, false);
  cv.send(1, "a");
  assert.equal(cv.ready, true);
  assert.equal(await cv.recv(), 1);
  assert.equal(await cv.recv(), 1);
  assert.deepEqual(await cv.recvAll(), [1, "a"]);
  assert.equal(cv.recvSync(), 1);
});

Deno.test("a condvar called as a function sends", async () => {
  const cv = make<[number]>();
  cv(5);
  assert.equal(await cv.recv(), 5);
  const empty = make();
  [1].forEach(empty);
  assert.equal(await empty.recv(), 1);
});

Deno.test("send() again replaces the values and calls nothing", async () => {
  const cv = make();
  let calls = 0;
  cv.cb(() => calls++);
  cv.send(1);
  cv.send(2, 3);
  assert.equal(calls, 1);
  assert.deepEqual(await cv.recvAll(), [2, 3]);
});

Deno.test("send() calls the callback inside, then wakes who waits, in order", async () => {
  const cv = make();
  const order: string[] = [];
  cv.cb((it) => {
    assert.equal(it, cv);
    order.push("cb");
  });
  const waits = ["w1", "w2", "w3"].map((name) =>
    Promise.resolve(cv.recv()).then(() => void order.push(name))
  );
  await Promise.resolve();
  cv.send();
  order.push("after send");
  await Promise.all(waits);
  assert.deepEqual(order, ["cb", "after send", "w1", "w2", "w3"]);
});

Deno.test("send() throws what the callback throws, and has been sent and woken all the same", async () => {
  const cv = make<[number]>();
  const waiting = Promise.resolve(cv.recv());
  await Promise.resolve();
  cv.cb(() => {
    throw new Error("from cb");
  });
  assert.throws(() => cv.send(4), /from cb/);
  assert.equal(cv.ready, true);
  assert.equal(await waiting, 4);
});

Deno.test("croak() makes recv throw: objects as they are, other values as messages, false ones too", async () => {
  const error = new RangeError("mine");
  const plain = { code: 7 };
  for (const [given, expected] of [[error, error], [plain, plain]] as const) {
    const cv = make();
    cv.croak(given);
    assert.equal(cv.ready, true);
    await assert.rejects(Promise.resolve(cv.recv()), (it) => it === expected);
  }
  for (const given of ["text", "", 0, undefined, null]) {
    const cv = make();
    cv.croak(given);
    await assert.rejects(Promise.resolve(cv.recv()), (it: Error) => it.message === String(given));
    assert.throws(() => cv.recvSync(), { message: String(given) });
    await assert.rejects(Promise.resolve(cv.recvAll()), Error);
  }
});

Deno.test("croak() stays after a later send(), and takes effect after an earlier one", async () => {
  const cv = make();
  cv.croak("no");
  cv.send(1);
  await assert.rejects(Promise.resolve(cv.recv()), /no/);
  const sent = make();
  sent.send(1);
  sent.croak("after all");
  await assert.rejects(Promise.resolve(sent.recv()), /after all/);
});

Deno.test("cb() gets, replaces, clears, and calls at once when true", () => {
  const cv = make();
  const order: string[] = [];
  const [a, b] = [() => void order.push("a"), () => void order.push("b")];
  assert.equal(cv.cb(), undefined);
  assert.equal(cv.cb(a), a);
  assert.equal(cv.cb(), a);
  assert.equal(cv.cb(b), b);
  assert.equal(cv.cb(undefined), undefined);
  cv.cb(b);
  cv.send();
  assert.deepEqual(order, ["b"]);
  assert.equal(cv.cb(), undefined);
  assert.equal(cv.cb(a), undefined);
  assert.deepEqual(order, ["b", "a"]);
  assert.throws(() => cv.cb(5 as never), UsageError);
  assert.throws(() => cv.cb(function* () {}), /unblockSub/);
});

Deno.test("cb() set inside the callback is called right away", () => {
  const cv = make();
  const order: string[] = [];
  cv.cb(() => {
    order.push("outer");
    cv.cb(() => void order.push("inner"));
    order.push("end of outer");
  });
  cv.send();
  assert.deepEqual(order, ["outer", "inner", "end of outer"]);
});

Deno.test("cb() takes another condvar, which is sent this one", async () => {
  const [cv, next] = [make(), make()];
  cv.cb(next);
  cv.send(1);
  assert.equal(await next.recv(), cv);
});

Deno.test("a callback that rejects is reported by the loop", async () => {
  const env = manualEnv();
  const seen: unknown[] = [];
  const loop = new Loop(env, { onCallbackError: (error) => void seen.push(error) });
  const cv = loop.condvar({ cb: () => Promise.reject("no") });
  cv.send();
  await env.backend.settle();
  assert.deepEqual(seen, ["no"]);
});

Deno.test("begin() and end() send nothing when the count comes down to zero", async () => {
  const cv = make();
  cv.begin();
  cv.begin();
  cv.end();
  assert.equal(cv.ready, false);
  cv.end();
  assert.equal(cv.ready, true);
  assert.deepEqual(await cv.recvAll(), []);
});

Deno.test("begin(cb) is called in place of sending, each time the count comes to zero", () => {
  const cv = make();
  let calls = 0;
  cv.begin((it) => {
    assert.equal(it, cv);
    calls++;
  });
  cv.begin();
  cv.end();
  cv.end();
  assert.equal(calls, 1);
  assert.equal(cv.ready, false);
  cv.begin();
  cv.end();
  assert.equal(calls, 2);
  cv.begin(undefined);
  cv.end();
  assert.equal(calls, 2);
  assert.equal(cv.ready, true);
});

Deno.test("end() below zero does nothing until balanced", () => {
  const cv = make();
  cv.end();
  cv.begin();
  assert.equal(cv.ready, false);
  cv.begin();
  cv.end();
  assert.equal(cv.ready, true);
});

Deno.test("the last end() replaces what was sent before by nothing", async () => {
  const cv = make();
  cv.begin();
  cv.send("x");
  cv.end();
  assert.deepEqual(await cv.recvAll(), []);
});

Deno.test("broadcast() and wait() are send() and recv()", async () => {
  const cv = make<[string]>();
  cv.broadcast("x");
  assert.equal(await cv.wait(), "x");
});

Deno.test("recvSync() waits where the backend can block, and refuses to nest", () => {
  const env = manualEnv({ blocking: true });
  const loop = new Loop(env);
  const cv = loop.condvar<[string]>();
  let nested: unknown;
  loop.timer({
    after: 1,
    cb: () => {
      try {
        loop.condvar().recvSync();
      } catch (error) {
        nested = error;
      }
    },
  });
  loop.timer({ after: 2, cb: () => cv.send("late") });
  assert.equal(cv.recvSync(), "late");
  assert.ok(nested instanceof UsageError);
  assert.match(nested.message, /recursive blocking wait attempted/);
  const croaked = loop.condvar();
  loop.timer({ after: 1, cb: () => croaked.croak("no") });
  assert.throws(() => croaked.recvSync(), /no/);
});

Deno.test("recvSync() says what to do where it cannot wait", () => {
  assert.throws(() => make().recvSync(), /backend manual .*`yield\*` in a thread or `await`/);
  assert.throws(() => new CondVar().recvSync(), /belongs to no loop/);
});

Deno.test("a condvar is an instance of CondVar, no promise, and can be subclassed", async () => {
  class Named extends CondVar<[number]> {
    readonly label = "named";
    override send(...values: [number]): void {
      super.send(...(values.map((it) => it * 2) as [number]));
    }
  }
  const named = new Named();
  assert.ok(named instanceof Named && named instanceof CondVar);
  assert.equal(named.label, "named");
  named(4);
  assert.equal(await named.recv(), 8);
  const cv = new CondVar();
  assert.ok(cv instanceof CondVar);
  assert.equal(cv instanceof Named, false);
  assert.equal((() => {}) instanceof CondVar, false);
  assert.equal("then" in cv || "then" in named, false);
  assert.equal(await Promise.resolve(cv), cv);
  assert.match(Deno.inspect(cv), /CondVar \(waiting\)/);
});

Deno.test("a subclass may override what the group's end calls", () => {
  const sent: unknown[][] = [];
  class Spy extends CondVar {
    override send(...values: unknown[]): void {
      sent.push(values);
      super.send(...values);
    }
  }
  const spy = new Spy();
  spy.begin();
  spy.end();
  assert.deepEqual(sent, [[]]);
});
