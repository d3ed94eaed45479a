/**
 * The bare switches. Each is one stateless object for ever, so that switching allocates nothing; the
 * engine knows them by identity and does not go through `start`.
 *
 * @module
 */
import { UsageError } from "@anyevent/backends/contract";
import { type Abort, LOOK, type Suspension, WaitOperation, type Waker } from "@anyevent/loop";
import * as operations from "@anyevent/loop";

// Constants of this file are folded into the machine code, imports looked up at each use.
const { driving, RESUMED } = operations;

const NO_ABORT: Abort = () => undefined;
const DONE: IteratorReturnResult<void> = { value: undefined, done: true };

/** A switch: suspends once, then is done; any number of times, unlike other operations. */
class Switch extends WaitOperation<void> {
  readonly #name: string;
  readonly #wakes: boolean;
  /** What it yields: always the same object, which `yield*` hands through. */
  readonly yielded: IteratorYieldResult<Suspension>;

  constructor(name: string, wakes: boolean) {
    super();
    // It keeps no state, so it cannot tell; without the star it does the same.
    this.begun = true;
    this.#name = name;
    this.#wakes = wakes;
    this.yielded = { value: this, done: false };
  }

  describe(): string {
    return this.#name;
  }

  start(waker: Waker): Abort {
    if (this.#wakes) waker.wake();
    return NO_ABORT;
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, void> {
    if (resumed !== undefined) return resumed === RESUMED ? DONE : this.#look();
    if (driving.depth === 0) {
      throw new UsageError(
        `Cannot run ${this.#name}: use \`yield*\` in a thread or \`await\` elsewhere`,
      );
    }
    return this.yielded;
  }

  /** A step for {@linkcode LOOK}. */
  #look(): IteratorYieldResult<Suspension> {
    LOOK.seen();
    return this.yielded;
  }

  protected poll(): boolean {
    return true;
  }

  protected result(): void {}
}

/** What a ceding thread yields. */
export const CEDE: Switch = new Switch("cede()", true);
/** What a thread yields that cedes to any other. */
export const CEDE_NOTSELF: Switch = new Switch("cedeNotself()", true);
/** What a thread yields that waits for its `ready()`. */
export const SCHEDULE: WaitOperation<void> = new Switch("schedule()", false);

/** What the driver of a ceding thread gets. */
export const CEDED: IteratorYieldResult<Suspension> = CEDE.yielded;
