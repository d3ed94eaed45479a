import {
  beginWait,
  type Operation,
  operation,
  RESUMED,
  suspend,
  type Suspension,
} from "@anyevent/loop";

/** An operation under another name in thread listings; one that needs no clean-up when it is thrown into. */
export function described<T>(what: () => string, op: Operation<T>): Operation<T> {
  return operation(what, function* () {
    const steps = op[Symbol.iterator]();
    let step = steps.next();
    while (!step.done) {
      const inner: Suspension = step.value;
      yield* suspend({ describe: what, start: (waker) => beginWait(inner, waker) });
      step = steps.next(RESUMED);
    }
    return step.value;
  });
}
