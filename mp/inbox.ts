import type { Backend } from "@anyevent/backends/contract";
import { Strict } from "@anyevent/loop";
import type { Port } from "./port.ts";

/** Local deliveries in one turn, so that ports that send to each other for ever starve nothing else. */
export const DELIVERIES_PER_TURN = 8192;

/**
 * Local messages and deferred actions of a node, in one order: a message sent before `kil` arrives, one
 * sent after it does not.
 */
export class Inbox {
  #targets: (Port | string | (() => void))[] = [];
  #messages: (readonly unknown[] | undefined)[] = [];
  #head = 0;
  #posted = false;
  readonly #backend: Backend;
  readonly #deliver: (target: Port | string, message: readonly unknown[]) => void;
  readonly #failed: (thrown: unknown) => void;

  /**
   * @param deliver called for each message, in a later turn
   * @param failed gets what a delivery or action threw; the rest goes on
   */
  constructor(
    backend: Backend,
    deliver: (target: Port | string, message: readonly unknown[]) => void,
    failed: (thrown: unknown) => void,
  ) {
    this.#backend = backend;
    this.#deliver = deliver;
    this.#failed = failed;
  }

  /** How much waits. */
  get size(): number {
    return this.#targets.length - this.#head;
  }

  /** Queues a message for a port, or for whatever has that id when its turn comes. */
  message(target: Port | string, message: readonly unknown[]): void {
    if (Strict.enabled) message.forEach(Strict.freeze);
    this.#targets.push(target);
    this.#messages.push(message);
    if (!this.#posted) this.#post();
  }

  /** Queues an action. */
  action(action: () => void): void {
    this.#targets.push(action);
    this.#messages.push(undefined);
    if (!this.#posted) this.#post();
  }

  #post(): void {
    this.#posted = true;
    this.#backend.post(this.#drain);
  }

  readonly #drain = (): void => {
    const targets = this.#targets;
    const messages = this.#messages;
    const end = Math.min(targets.length, this.#head + DELIVERIES_PER_TURN);
    let index = this.#head;
    for (; index < end; index++) {
      const target = targets[index];
      const message = messages[index];
      try {
        if (message === undefined) (target as () => void)();
        else this.#deliver(target as Port | string, message);
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
    if (index === targets.length) {
      this.#targets = [];
      this.#messages = [];
      this.#head = 0;
    } else if (index > 65536) {
      this.#targets = targets.slice(index);
      this.#messages = messages.slice(index);
      this.#head = 0;
    } else this.#head = index;
    this.#posted = false;
    if (this.#targets.length > this.#head) this.#post();
  };
}
