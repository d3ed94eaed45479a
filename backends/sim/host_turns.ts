import { UsageError } from "../contract/errors.ts";

interface Schedulers {
  setImmediate?(cb: () => void): unknown;
  clearImmediate?(id: unknown): void;
  setTimeout?(cb: () => void, ms: number): unknown;
  clearTimeout?(id: unknown): void;
}

/**
 * Turns of the real host: when one comes, no microtask is left that could run.
 *
 * The host's functions are taken when this is made, so fake timers that come later do not stop the world.
 */
export class HostTurns {
  readonly #set: (cb: () => void) => unknown;
  readonly #clear: (id: unknown) => void;
  readonly #fired: () => void;
  #id: unknown;
  #armed = false;
  #ref = true;

  /** @param fired called in the turn that `arm` asked for */
  constructor(fired: () => void) {
    this.#fired = fired;
    const { setImmediate, clearImmediate, setTimeout, clearTimeout } =
      globalThis as unknown as Schedulers;
    if (setImmediate !== undefined) {
      this.#set = (cb) => setImmediate(cb);
      this.#clear = (id) => clearImmediate?.(id);
    } else if (setTimeout !== undefined) {
      this.#set = (cb) => setTimeout(cb, 0);
      this.#clear = (id) => clearTimeout?.(id);
    } else throw new UsageError("Cannot make world: this host has no setImmediate or setTimeout");
  }

  /** Resolves in the next turn of the host. */
  next(): Promise<void> {
    return new Promise((resolve) => void this.#set(resolve));
  }

  /** Asks for a turn, if that has not been done. @param ref keep the process alive for it */
  arm(ref: boolean): void {
    if (!this.#armed) {
      this.#armed = true;
      this.#ref = true;
      this.#id = this.#set(() => {
        this.#armed = false;
        this.#fired();
      });
    }
    if (ref === this.#ref) return;
    this.#ref = ref;
    const handle = this.#id as { ref?(): void; unref?(): void } | undefined;
    if (typeof handle !== "object" || handle === null) return;
    if (ref) handle.ref?.();
    else handle.unref?.();
  }

  /** Takes that back. */
  disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    this.#clear(this.#id);
  }
}

interface ProcessEvents {
  on(event: "beforeExit", listener: () => void): void;
  removeListener(event: "beforeExit", listener: () => void): void;
}

/** Calls back when the host is about to end the process for want of work; never where it cannot tell. */
export function onHostExhausted(cb: () => void): () => void {
  const { process } = globalThis as unknown as { process?: ProcessEvents };
  process?.on?.("beforeExit", cb);
  return () => process?.removeListener?.("beforeExit", cb);
}
