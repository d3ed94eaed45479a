import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, seconds } from "@anyevent/loop";
import { Semaphore, type SemaphoreGuard } from "../semaphore.ts";
import { cede } from "../spawn.ts";
import type { ThreadSteps } from "../thread.ts";
import { currentLoop } from "./anyevent.ts";
import { Freezer, type Job } from "./freezer.ts";
import { Thawer } from "./thawer.ts";

/** What {@linkcode storable} has. */
export interface StorableApi {
  /** Seconds that `freeze` and `thaw` work until they let other threads run; not negative. Default 0.01. */
  granularity: number;
  /**
   * Turns a value into bytes, letting other threads run now and then. The value must not change meanwhile.
   *
   * @throws {UsageError} (when run) for what cannot be written: functions, symbols, bigints of more than 64
   * bits, instances of classes, values that contain themselves
   */
  freeze(value: unknown): Operation<Uint8Array<ArrayBuffer>>;
  /** Same as `freeze`: the bytes mean the same everywhere. */
  nfreeze(value: unknown): Operation<Uint8Array<ArrayBuffer>>;
  /**
   * Makes a value out of the bytes of `freeze`, or any MessagePack, letting other threads run now and then. The
   * bytes must not change meanwhile. They may come from anybody.
   *
   * @throws {PeerError} (when run) `EBADMSG`: they are no such bytes
   * @throws {UsageError} when it is no `Uint8Array`
   */
  thaw(bytes: Uint8Array): Operation<unknown>;
  /** As `freeze`, in one go. */
  blockingFreeze(value: unknown): Uint8Array<ArrayBuffer>;
  /** Same as `blockingFreeze`. */
  blockingNfreeze(value: unknown): Uint8Array<ArrayBuffer>;
  /** As `thaw`, in one go. */
  blockingThaw(bytes: Uint8Array): unknown;
  /** Waits until nobody freezes or thaws, and keeps others from it until released: use it with `using`. */
  guard(): Operation<SemaphoreGuard>;
}

/** One at a time, so that memory and the processor's cache are not shared by many half-done ones. */
const lock = new Semaphore();
let granularity = 0.01;

function* inTurns<T>(job: Job<T>): ThreadSteps<T> {
  const loop = currentLoop();
  let since = loop.time();
  while (!job.step()) {
    if (loop.time() - since < granularity) continue;
    yield* cede();
    since = loop.time();
  }
  return job.result();
}

function locked<T>(what: string, job: () => Job<T>): Operation<T> {
  return operation(() => what, function* () {
    using _held = yield* lock.guard();
    return yield* inTurns(job());
  });
}

function atOnce<T>(job: Job<T>): T {
  let done = false;
  while (!done) done = job.step();
  return job.result();
}

function checked(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new UsageError(`Cannot thaw: ${show(bytes)} is not a Uint8Array`);
}

function freeze(value: unknown): Operation<Uint8Array<ArrayBuffer>> {
  return locked("freeze()", () => new Freezer(value));
}

function blockingFreeze(value: unknown): Uint8Array<ArrayBuffer> {
  return atOnce(new Freezer(value));
}

/**
 * Turns large values into bytes and back without holding up other threads: a thread that does works for
 * `granularity`, then lets others run. One at a time works, the others wait.
 *
 * Values are plain objects, arrays, text, numbers, booleans, `null` (which `undefined` becomes), bigints of up
 * to 64 bits, bytes and dates; the bytes are MessagePack, as the handle's type `msgpack` reads and writes it.
 * Follows `Coro::Storable`.
 *
 * @example
 * ```ts
 * import { async, storable } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   const bytes = yield* storable.freeze({ when: new Date(0), big: 2n ** 60n, list: [1, "two"] });
 *   return yield* storable.thaw(bytes);
 * });
 * console.log(await thread.join()); // [ { when: …, big: 1152921504606846976n, list: [ 1, "two" ] } ]
 * ```
 */
export const storable: StorableApi = {
  get granularity() {
    return granularity;
  },
  set granularity(length: number) {
    const given = seconds(length, "set granularity");
    if (given < 0) throw new UsageError(`Cannot set granularity: ${given} is negative`);
    granularity = given;
  },
  freeze,
  nfreeze: freeze,
  thaw(bytes) {
    const given = checked(bytes);
    return locked("thaw()", () => new Thawer(given));
  },
  blockingFreeze,
  blockingNfreeze: blockingFreeze,
  blockingThaw: (bytes) => atOnce(new Thawer(checked(bytes))),
  guard: () => lock.guard(),
};
