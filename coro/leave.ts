import { LOOK, type RESUMED, type Suspension } from "@anyevent/loop";
import { generatorPrototype } from "./steps.ts";
import type { TaskSteps } from "./task.ts";

type Step = IteratorResult<Suspension, unknown>;

/** What a generator seems to yield that was only asked who it waits for. */
const NOBODY: Step = {
  done: false,
  value: { describe: () => "nothing", start: () => () => undefined },
};

/**
 * Steps that leave a body as if its blocking call returned from everything, where cleaning up may block.
 *
 * `return()` of the outermost generator is not enough: once a nested one has waited in its `finally`, it is
 * resumed by `next()`, and then JavaScript takes its end for a usual one and goes on after the `yield*`. So
 * each generator is returned from by itself, the innermost first: what waits for one that has ended so is
 * left in turn.
 */
export function leave(steps: TaskSteps): TaskSteps {
  return leaveAll(new Leaving(nestedIn(steps)));
}

/** The engine resumes generators only. */
function* leaveAll(
  leaving: Leaving,
): Generator<Suspension, unknown, typeof RESUMED | undefined> {
  return yield* leaving;
}

/** The generators of a body, outermost first, and how the innermost begins to return. */
interface Nested {
  readonly generators: TaskSteps[];
  readonly first: (() => Step) | undefined;
}

/**
 * Leaves generators, the innermost first. A loop, no recursion: it takes no more of the stack than they do,
 * however many they are.
 */
class Leaving implements IterableIterator<Suspension, unknown, typeof RESUMED | undefined> {
  /** Those that are not left, the one that is being left last. */
  readonly #generators: TaskSteps[];
  #begin: (() => Step) | undefined;

  constructor({ generators, first }: Nested) {
    this.#generators = generators;
    this.#begin = first ?? (() => this.#last.return!());
  }

  next(resumed?: typeof RESUMED): Step {
    const begin = this.#begin;
    this.#begin = undefined;
    return this.#step(begin ?? (() => this.#last.next(resumed)));
  }

  throw(error: unknown): Step {
    return this.#step(() => this.#last.throw!(error));
  }

  return(value?: unknown): Step {
    return this.#step(() => this.#last.return!(value));
  }

  [Symbol.iterator](): this {
    return this;
  }

  get #last(): TaskSteps {
    return this.#generators[this.#generators.length - 1];
  }

  /** What one throws while it is left is thrown in the one that it is nested in. */
  #step(advance: () => Step): Step {
    for (;;) {
      try {
        const result = advance();
        if (!result.done || this.#generators.length === 1) return result;
        advance = () => this.#last.return!();
      } catch (error) {
        if (this.#generators.length === 1) throw error;
        advance = () => this.#last.throw!(error);
      }
      this.#generators.pop();
    }
  }
}

/**
 * The generators of a body that waits, each of which waits for the next one.
 *
 * JavaScript tells nobody. But a generator that waits for another looks up that one's `return` when it is
 * to return, and stays where it is if that does not end. For these few calls all generators share one that
 * takes notes; no other code runs meanwhile, as what is waited for at last knows {@linkcode LOOK}. Should it
 * not, the innermost generator has begun to return, and its clean-up, which may return from others, to run:
 * `first` is what came of it.
 */
function nestedIn(steps: TaskSteps): Nested {
  const { return: own } = generatorPrototype;
  const { seen } = LOOK;
  const generators: TaskSteps[] = [];
  let next: TaskSteps | undefined = steps;
  let first: (() => Step) | undefined;
  let asked = false;
  const note = function (this: TaskSteps, value?: unknown): Step {
    if (!asked || value !== LOOK) return own.call(this, value);
    asked = false;
    next = this;
    return NOBODY;
  };
  // Where the language's own objects are frozen only what is nested in nothing is left for sure.
  if (!Reflect.set(generatorPrototype, "return", note)) return { generators: [steps], first };
  LOOK.seen = () => {
    asked = false;
  };
  try {
    while (next !== undefined) {
      const generator: TaskSteps = next;
      generators.push(generator);
      next = undefined;
      asked = true;
      first = outcomeOf(() => own.call(generator, LOOK));
    }
    if (!asked) first = undefined;
  } finally {
    LOOK.seen = seen;
    generatorPrototype.return = own;
  }
  return { generators, first };
}

function outcomeOf(call: () => Step): () => Step {
  try {
    const result = call();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
