import assert from "node:assert/strict";
import {
  type IoMode,
  Loop,
  streamPair,
  Strict,
  type Undo,
  UsageError,
  WATCH,
} from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

/** A source that does not tell when it is closed, like a bare descriptor. */
class Silent {
  open = true;
  registrations = 0;

  [WATCH](_mode: IoMode, _cb: () => void): Undo {
    if (!this.open) throw new UsageError("Cannot watch: it is not open");
    this.registrations++;
    return () => void this.registrations--;
  }
}

function world(): { loop: Loop; env: ReturnType<typeof manualEnv>; lines: string[] } {
  const lines: string[] = [];
  const base = manualEnv();
  const env = {
    ...base,
    log: (level: number, message: string) => void lines.push(`${level} ${message}`),
  };
  const loop = new Loop(env);
  Strict.enable({ report: (message) => assert.fail(message) });
  return { loop, env, lines };
}

Deno.test("Strict reports, once, what an io watcher watches and somebody else closed", () => {
  const { loop, env, lines } = world();
  try {
    const good = new Silent();
    const bad = new Silent();
    const watchers = [good, bad].map((fh) => loop.io({ fh, poll: "r", cb: () => undefined }));
    assert.equal(env.backend.held, true);
    for (const watcher of watchers) watcher.unref();
    assert.equal(env.backend.held, false, "its timer keeps nothing alive");
    env.backend.advance(5);
    assert.deepEqual(lines, []);
    bad.open = false;
    env.backend.advance(20);
    assert.equal(lines.length, 1);
    assert.match(
      lines[0],
      /Stream of io\(r\) registered with AnyEvent but prematurely closed, event loop might malfunction/,
    );
    assert.equal(good.registrations, 1);
    for (const watcher of watchers) watcher.cancel();
    assert.deepEqual([env.backend.stats().timers, good.registrations], [0, 0]);
  } finally {
    Strict.disable();
    loop.dispose();
  }
});

Deno.test("Strict looks after many io watchers in portions, and has no timer without any", () => {
  const { loop, env, lines } = world();
  try {
    const sources = Array.from({ length: 250 }, () => new Silent());
    const watchers = sources.map((fh) => loop.addIo(fh, "w", () => undefined));
    for (const source of sources) source.open = false;
    env.backend.advance(4.5);
    assert.equal(lines.length, 100);
    env.backend.advance(8);
    assert.equal(lines.length, 250);
    env.backend.advance(20);
    assert.equal(lines.length, 250);
    assert.equal(env.backend.stats().timers, 0);
    for (const watcher of watchers) watcher.cancel();
    const [a, b] = streamPair(env.backend);
    loop.addIo(a, "r", () => undefined);
    assert.equal(env.backend.stats().timers, 1);
    a.close();
    assert.equal(env.backend.stats().timers, 0);
    b.close();
  } finally {
    Strict.disable();
    loop.dispose();
  }
});
