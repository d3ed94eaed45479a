import { UsageError } from "@anyevent/backends/contract";
import type { JobContext, Loop, Undo } from "@anyevent/loop";
import type { CallPlan } from "./call.ts";

/** What came of a call in place. What was thrown is whatever it is. */
export type InlineOutcome = { readonly value: unknown } | { readonly thrown: unknown };

/** A call in place that waits for a promise. */
export interface InlineCall {
  /** It has begun. */
  withdraw(): false;
  /** Tells it, by its context, to end. */
  abort(): void;
  /** The same, and its outcome is not told. */
  cancel(): void;
}

class Running implements InlineCall {
  readonly #controller: AbortController = new AbortController();
  readonly #plan: CallPlan;
  readonly #loop: Loop;
  #settle: ((outcome: InlineOutcome) => void) | undefined;
  #hold: Undo | undefined;

  constructor(loop: Loop, plan: CallPlan, settle: (outcome: InlineOutcome) => void) {
    this.#loop = loop;
    this.#plan = plan;
    this.#settle = settle;
  }

  begin(): void {
    const { call, task } = this.#plan;
    if (call !== undefined) {
      this.#run(call);
      return;
    }
    const { module = "", name = "default" } = task;
    this.#hold = this.#loop.hold();
    import(module).then((exports: Readonly<Record<string, unknown>>) => {
      // Cancelled while it was being loaded: it does not begin.
      if (this.#settle === undefined) return;
      const found = exports[name];
      if (typeof found === "function") this.#run(found as (...args: never[]) => unknown);
      else {
        const why = `Cannot run job: ${module} exports no function ${name}`;
        this.#end({ thrown: new UsageError(why) });
      }
    }).catch((thrown: unknown) => this.#end({ thrown }));
  }

  withdraw(): false {
    return false;
  }

  abort(): void {
    this.#controller.abort();
  }

  cancel(): void {
    this.#settle = undefined;
    this.#release();
    this.abort();
  }

  #run(call: (...args: never[]) => unknown): void {
    const { args, context } = this.#plan.task;
    try {
      const made = context
        ? call(...args as never[], this.#context() as never)
        : call(...args as never[]);
      if (typeof (made as Partial<PromiseLike<unknown>> | undefined | null)?.then !== "function") {
        this.#end({ value: made });
        return;
      }
      this.#hold ??= this.#loop.hold();
      (made as PromiseLike<unknown>).then(
        (value) => this.#end({ value }),
        (thrown: unknown) => this.#end({ thrown }),
      );
    } catch (thrown) {
      this.#end({ thrown });
    }
  }

  #context(): JobContext {
    const { signal } = this.#controller;
    return {
      signal,
      get cancelled() {
        return signal.aborted;
      },
      progress: (value) => {
        if (this.#settle === undefined) return;
        try {
          this.#plan.progress?.(value);
        } catch (error) {
          this.#loop.callbackFailed(error, `progress of job ${this.#plan.task.label}`);
        }
      },
      transfer: () => undefined,
    };
  }

  #end(outcome: InlineOutcome): void {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#release();
    settle?.(outcome);
  }

  #release(): void {
    this.#hold?.();
    this.#hold = undefined;
  }
}

/**
 * Calls in place: without a worker, with arguments and result as they are. Only what waits for a promise lets
 * others go on.
 */
export function runInline(
  loop: Loop,
  plan: CallPlan,
  settle: (outcome: InlineOutcome) => void,
): InlineCall {
  const running = new Running(loop, plan, settle);
  running.begin();
  return running;
}
