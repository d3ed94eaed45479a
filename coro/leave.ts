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
  const { generators, first } = nestedIn(steps);
  return leaveAll(generators, 0, first);
}

function* leaveAll(
  generators: readonly TaskSteps[],
  depth: number,
  first: (() => Step) | undefined,
): Generator<Suspension, unknown, typeof RESUMED | undefined> {
  const outer = generators[depth];
  const innermost = depth === generators.length - 1;
  let begin = innermost && first !== undefined ? first : () => outer.return!();
  try {
    if (!innermost) yield* leaveAll(generators, depth + 1, first);
  } catch (error) {
    begin = () => outer.throw!(error);
  } finally {
    yield* new Begun(outer, begin);
  }
  return undefined;
}

/** The rest of some steps, that begins in a way of its own. */
class Begun implements IterableIterator<Suspension, unknown, typeof RESUMED | undefined> {
  readonly #steps: TaskSteps;
  #begin: (() => Step) | undefined;

  constructor(steps: TaskSteps, begin: () => Step) {
    this.#steps = steps;
    this.#begin = begin;
  }

  next(resumed?: typeof RESUMED): Step {
    const begin = this.#begin;
    this.#begin = undefined;
    return begin === undefined ? this.#steps.next(resumed) : begin();
  }

  throw(error: unknown): Step {
    return this.#steps.throw!(error);
  }

  return(value?: unknown): Step {
    return this.#steps.return!(value);
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/**
 * The generators of a body that waits, each of which waits for the next one.
 *
 * JavaScript tells nobody. But a generator that waits for another looks up that one's `return` when it is
 * to return, and stays where it is if that does not end. For these few calls all generators share one that
 * takes notes; no other code runs meanwhile, as what is waited for at last knows {@linkcode LOOK}. Should it
 * not, the innermost generator has begun to return: `first` is what came of it.
 */
function nestedIn(
  steps: TaskSteps,
): { readonly generators: readonly TaskSteps[]; readonly first: (() => Step) | undefined } {
  const { return: own } = generatorPrototype;
  const { seen } = LOOK;
  const generators: TaskSteps[] = [];
  let next: TaskSteps | undefined = steps;
  let first: (() => Step) | undefined;
  let asked = false;
  const note = function (this: TaskSteps, value?: unknown): Step {
    if (!asked) return own.call(this, value);
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
