import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cede,
  cedeNotself,
  Channel,
  type Coro,
  type Operation,
  RWLock,
  schedule,
  Semaphore,
  Signal,
  terminate,
} from "@anyevent/coro";
import { CHILDREN, prioOf, type Program, Reference, type Step } from "./reference.ts";
import { world } from "./world.ts";

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom(
    ...([
      ...["cede", "cede", "cedeNotself", "schedule", "ready", "ready", "cancel", "throw"],
      ...["suspend", "resume", "down", "up", "put", "get", "join"],
      ...["safeCancel", "scheduleTo", "cedeTo", "wait", "send", "broadcast"],
      ...["async", "prio", "terminate", "rdlock", "wrlock", "unlock", "unlock"],
    ] as Step["op"][]),
  ),
  n: fc.nat(5),
});

const outsideOps = [
  ...["ready", "cancel", "throw", "resume", "up", "put", "safeCancel", "send", "broadcast"],
  ...["async", "prio", "unlock"],
];

const outsideStep = step.filter(({ op }) => outsideOps.includes(op));

const program: fc.Arbitrary<Program> = fc.record({
  prio: fc.constantFrom(0, 0, 0, 1, -2),
  steps: fc.array(step, { maxLength: 10 }),
});

interface Case {
  readonly programs: readonly Program[];
  readonly counts: readonly number[];
  readonly sizes: readonly number[];
  readonly outside: readonly (readonly Step[])[];
}

/** Runs a case for real. @returns what the threads did, and what is left */
function real({ programs, counts, sizes, outside }: Case) {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const log: string[] = [];
  const semaphores = counts.map((count) => new Semaphore(count));
  const channels = sizes.map((size) => new Channel<number>(size));
  const all: Coro[] = [];
  const signal = new Signal();
  const lock = new RWLock();

  function act({ op, n }: Step): Operation<unknown> | undefined {
    const target = all[n % all.length];
    const semaphore = semaphores[n % semaphores.length];
    const channel = channels[n % channels.length];
    switch (op) {
      case "cede":
        return cede();
      case "cedeNotself":
        return cedeNotself();
      case "schedule":
        return schedule();
      case "down":
        return semaphore.down();
      case "put":
        return channel.put(1);
      case "get":
        return channel.get();
      case "join":
        return target.join();
      case "wait":
        return signal.wait();
      case "send":
      case "broadcast":
        return void signal[op]();
      case "scheduleTo":
      case "cedeTo":
        return target[op]();
      case "up":
        return void semaphore.up();
      case "async":
        return void start(CHILDREN[n % CHILDREN.length]);
      case "prio":
        return void target.prio(prioOf(n));
      case "terminate":
        return terminate();
      case "rdlock":
      case "wrlock":
        return lock[op]();
      case "unlock":
        return lock.stats().readers > 0 || lock.stats().writer ? void lock.unlock() : undefined;
      case "throw":
        return void target.throw(`to ${n % all.length}`);
      default:
        return void target[op]();
    }
  }

  function start({ prio, steps }: Program): void {
    const id = all.length;
    all.push(threads.spawn(function* () {
      try {
        for (const [pc, step] of steps.entries()) {
          try {
            const op = act(step);
            if (op !== undefined) yield* op;
            log.push(`${id}.${pc} done`);
          } catch (error) {
            // What was thrown into a joined thread: done as far as the joiner goes.
            log.push(`${id}.${pc} ${error === `to ${id}` ? "caught" : "done"}`);
          }
        }
      } finally {
        log.push(`${id} end`);
      }
    }, { prio }));
  }

  programs.forEach(start);
  settle();
  for (const steps of outside) {
    for (const step of steps) act(step);
    settle();
  }
  const left = {
    log: [...log],
    ended: all.map((thread) => thread.isZombie),
    counts: semaphores.map(({ count, waiters }) => [count, waiters]),
    sizes: channels.map(({ size }) => size),
    signal: signal.stats(),
    lock: lock.stats(),
  };
  // One that is suspended keeps the wake-up it got.
  while (all.some((thread) => thread.isSuspended && !thread.isZombie)) {
    for (const thread of all) thread.resume();
    settle();
  }
  for (const semaphore of semaphores) {
    assert.ok(semaphore.count <= 0 || semaphore.waiters === 0, "a wake-up was lost");
  }
  const held = lock.stats();
  assert.ok(
    held.readers > 0 || held.writer || held.waitingReaders + held.waitingWriters === 0,
    "a wake-up of the lock was lost",
  );
  for (const thread of all) thread.cancel();
  assert.equal(threads.nready, 0);
  assert.equal(lock.stats().waitingReaders + lock.stats().waitingWriters, 0);
  assert.deepEqual(semaphores.map(({ waiters }) => waiters), counts.map(() => 0));
  return left;
}

function expected({ programs, counts, sizes, outside }: Case) {
  const model = new Reference(programs, counts, sizes);
  model.settle();
  for (const steps of outside) {
    for (const step of steps) model.outside(step);
    model.settle();
  }
  return {
    log: model.log,
    ended: model.threads.map(({ ended }) => ended),
    counts: model.semaphores.map(({ count, waiting }) => [count, waiting.length]),
    sizes: model.channels.map(({ items }) => items.length),
    signal: { awaited: model.signal.waiting.length, remembered: model.signal.remembered },
    lock: {
      readers: model.lock.readers,
      writer: model.lock.writer,
      waitingReaders: model.lock.waitingReaders.length,
      waitingWriters: model.lock.waitingWriters.length,
    },
  };
}

Deno.test("threads do what a plain reference implementation does, for random programs", () => {
  fc.assert(
    fc.property(
      fc.record({
        programs: fc.array(program, { minLength: 1, maxLength: 6 }),
        counts: fc.constantFrom([0], [1, 0], [2, 1]),
        sizes: fc.constantFrom([0], [1, 2], [3, 1]),
        outside: fc.array(fc.array(outsideStep, { maxLength: 4 }), { maxLength: 4 }),
      }),
      (one) => {
        assert.deepEqual(real(one), expected(one));
      },
    ),
    { numRuns: 5000 },
  );
});
