import assert from "node:assert/strict";
import { Channel, type Coro, current, schedule, Semaphore, sleep, terminate } from "@anyevent/coro";
import { operation } from "@anyevent/loop";
import { world } from "./world.ts";

Deno.test("yield of an operation without the star is a UsageError at once", async () => {
  const { threads, settle } = world();
  const full = new Channel<number>(1);
  const lock = new Semaphore(1);
  const other = threads.async(() => schedule());
  const wrong: readonly (readonly [string, () => unknown])[] = [
    ["semaphore.down()", () => lock.down()],
    ["semaphore.down()", () => new Semaphore(0).down()],
    ["channel.get()", () => new Channel().get()],
    ["channel.put()", () => full.put(1)],
    ["nothing", () => new Channel().put(1)],
    ["join()", () => other.join()],
    ["sleep(1)", () => sleep(1)],
    ["terminate()", () => terminate(1)],
    ["mine", () => operation(() => "mine", function* () {})],
  ];
  for (const [what, make] of wrong) {
    const thread = threads.async(function* () {
      yield make() as never;
    });
    const joined = threads.run(thread.join());
    joined.catch(() => undefined);
    settle();
    assert.equal(thread.isZombie, true, what);
    await assert.rejects(joined, {
      name: "UsageError",
      message: `Cannot run ${what}: it was yielded without the star; use \`yield*\``,
    });
  }
  assert.deepEqual([lock.count, lock.waiters], [1, 0]);
  other.cancel();
});

Deno.test("yield of what is no operation is a UsageError, which the thread may catch", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    for (const value of [undefined, null, 5, {}]) {
      try {
        yield value as never;
      } catch (error) {
        print(`${(error as Error).name}: ${(error as Error).message}`);
      }
    }
  });
  settle();
  assert.equal(printed.length, 4);
  for (const line of printed) {
    assert.match(line, /^UsageError: Cannot suspend thread: it yielded .*use `yield\*`$/);
  }
});

Deno.test("yield of a bare switch switches, as its star adds nothing", () => {
  const { threads, printed, print, settle } = world();
  const thread: Coro = threads.async(function* () {
    const me = current();
    threads.async(() => void me.ready());
    yield schedule() as never;
    print("woken");
  });
  settle();
  assert.equal(thread.isZombie, true);
  assert.deepEqual(printed, ["woken"]);
});

Deno.test("await of an operation made of others tells of a yield without the star", async () => {
  const { threads } = world();
  const lock = new Semaphore(1);
  const body = operation(() => "body", function* () {
    yield lock.down() as never;
  });
  await assert.rejects(threads.run(body), { name: "UsageError", message: /without the star/ });
});
