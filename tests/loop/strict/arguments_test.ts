import assert from "node:assert/strict";
import { AE, Loop, streamPair, Strict, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

/** Runs it in strict mode. */
function strictly(body: (loop: Loop) => void): void {
  const loop = new Loop(manualEnv());
  Strict.enable({ report: (message) => assert.fail(message) });
  try {
    body(loop);
  } finally {
    Strict.disable();
    loop.dispose();
  }
}

const cb = (): void => undefined;

Deno.test("Strict refuses what AnyEvent::Strict does, in its words", () => {
  strictly((loop) => {
    const [a, b] = streamPair(loop.env.backend);
    const file = { truncate: cb, utime: cb, stat: cb };
    const cases: readonly [call: () => unknown, message: string][] = [
      [
        () => loop.io({ fh: a, poll: "rw" as never, cb }),
        "Cannot watch io: AnyEvent->io called with illegal poll argument 'rw'",
      ],
      [
        () => loop.io({ fh: a, poll: "r", cb: "x" as never }),
        "Cannot watch io: AnyEvent->io called with illegal cb argument 'x'",
      ],
      [
        () => loop.io({ fh: undefined, poll: "r", cb }),
        "Cannot watch io: AnyEvent->io called with illegal fh argument 'undefined'",
      ],
      [
        () => loop.io({ fh: file, poll: "r", cb }),
        "Cannot watch io: AnyEvent->io called with fh argument pointing to a file",
      ],
      [
        () => loop.io({ fh: a, poll: "r", cb, foo: 1, bar: 2 } as never),
        "Cannot watch io: AnyEvent->io called with unsupported parameter(s) foo, bar",
      ],
      [
        () => loop.timer({ cb } as never),
        "Cannot start timer: AnyEvent->timer called without mandatory 'after' parameter",
      ],
      [
        () => loop.timer({ after: 1, interval: -1, cb }),
        "Cannot start timer: AnyEvent->timer called with illegal interval argument '-1'",
      ],
      [
        () => loop.timer({ after: 1, intervall: 1, cb } as never),
        "Cannot start timer: AnyEvent->timer called with unsupported parameter(s) intervall",
      ],
      [
        () => loop.signal({ signal: "SIGINT", cb }),
        "Cannot watch signal: AnyEvent->signal called with illegal signal name 'SIGINT'",
      ],
      [
        () => loop.signal({ signal: 2 as never, cb }),
        "Cannot watch signal: AnyEvent->signal called with illegal signal name '2'",
      ],
      [
        () => loop.child({ pid: "one" as never, cb }),
        "Cannot watch child: AnyEvent->child called with malformed pid value 'one'",
      ],
      [
        () => loop.idle({ cb: 5 as never }),
        "Cannot watch idle: AnyEvent->idle called with illegal cb argument '5'",
      ],
      [
        () => loop.condvar({ cb: 7 as never }),
        "Cannot make condvar: AnyEvent->condvar called with illegal cb argument '7'",
      ],
      [
        () => loop.condvar({ callback: cb } as never),
        "Cannot make condvar: AnyEvent->condvar called with unsupported parameter(s) callback",
      ],
    ];
    for (const [call, message] of cases) {
      assert.throws(call, (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.message, message);
        return true;
      });
    }
    assert.deepEqual(loop.watchers(), []);
    a.close();
    b.close();
  });
});

Deno.test("Strict lets good arguments pass, condvars and senders as callbacks too", () => {
  strictly((loop) => {
    const [a] = streamPair(loop.env.backend);
    const watchers = [
      loop.io({ fh: a, poll: "w", cb: loop.condvar() }),
      loop.addTimer(1, 0, { send: cb }),
      loop.timer({ after: 0, interval: 0, cb }),
      loop.signal({ signal: "INT", cb }),
      loop.child({ pid: 0, cb }),
      loop.idle({ cb }),
    ];
    assert.equal(loop.watchers().length, watchers.length);
    for (const watcher of watchers) watcher.cancel();
    loop.condvar({});
    loop.condvar({ cb });
    assert.deepEqual(loop.env.backend.stats().timers, 0);
  });
});

Deno.test("Strict refuses nothing of this once it is disabled, and applies to AE too", () => {
  assert.equal(Strict.enabled, false);
  const loop = new Loop(manualEnv());
  loop.timer({ after: 1, intervall: 1, cb } as never).cancel();
  Strict.enable();
  assert.equal(Strict.enabled, true);
  try {
    assert.throws(() => AE.signal("SIGINT", cb), /illegal signal name 'SIGINT'/);
  } finally {
    Strict.disable();
    Strict.disable();
  }
  loop.timer({ after: 1, intervall: 1, cb } as never).cancel();
  loop.dispose();
});

Deno.test("Strict.enable() refuses a report that is no function, and stays off", () => {
  assert.throws(() => Strict.enable({ report: 1 as never }), /report 1 is not a function/);
  assert.equal(Strict.enabled, false);
});

Deno.test("Strict.freeze() freezes plain data all the way down, in strict mode only", () => {
  const loose = { a: [1] };
  assert.equal(Strict.freeze(loose), loose);
  loose.a.push(2);
  class Own {
    x = 1;
  }
  const bytes = new Uint8Array(2);
  const own = new Own();
  const message: unknown[] = ["chat", { deep: [[{ n: 1n }]], bytes, own }];
  message.push(message);
  let deep: unknown[] = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  Strict.enable();
  try {
    assert.equal(Strict.freeze(message), message);
    Strict.freeze(deep);
    Strict.freeze(undefined);
    Strict.freeze({
      get boom(): never {
        throw new Error("called");
      },
    });
  } finally {
    Strict.disable();
  }
  const inner = message[1] as { deep: { n: unknown }[][][] };
  assert.throws(() => message.push(1), TypeError);
  assert.throws(() => {
    inner.deep[0][0] = [];
  }, TypeError);
  bytes[0] = 1;
  own.x = 2;
});
