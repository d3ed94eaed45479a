/**
 * How a host calls the loop back: its timers, immediates or message channels, each looked up on
 * `globalThis` when it is used, so that fake timers drive the loop and none of them must exist.
 */
import { UsageError } from "../contract/errors.ts";

interface HostGlobals {
  setTimeout?(cb: () => void, ms: number): unknown;
  clearTimeout?(id: unknown): void;
  setImmediate?(cb: () => void): unknown;
  clearImmediate?(id: unknown): void;
  MessageChannel?: typeof MessageChannel;
}

/** The longest delay a host timer takes; more is cut to almost none. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Hosts differ in whether a pending call can be told not to keep the process alive. */
function setRef(id: unknown, on: boolean): void {
  const handle = id as { ref?(): void; unref?(): void } | undefined;
  if (typeof handle !== "object" || handle === null) return;
  if (on) handle.ref?.();
  else handle.unref?.();
}

function globals(): HostGlobals {
  return globalThis as unknown as HostGlobals;
}

/** One host timer: armed for a deadline, or for no other purpose than to keep the process alive. */
export class WakeTimer {
  readonly #fire: () => void;
  #cancel: (() => void) | undefined;
  #id: unknown;
  #ref = false;
  #setter: unknown;
  /** The deadline it is armed for. */
  due = Infinity;

  /** @param fired gets the deadline, `Infinity` when it woke for none */
  constructor(fired: (due: number) => void) {
    this.#fire = (): void => {
      const { due } = this;
      this.#cancel = undefined;
      this.due = Infinity;
      fired(due);
    };
  }

  /** Whether it is armed. */
  get armed(): boolean {
    return this.#cancel !== undefined;
  }

  /**
   * Arms it, unless it is armed for that or earlier: to arm it anew costs more than to wake once in vain.
   *
   * @param due the deadline; @param seconds from now until then; @param ref keep the process alive
   */
  arm(due: number, seconds: number, ref: boolean): void {
    const host = globals();
    if (this.#cancel === undefined || due < this.due || host.setTimeout !== this.#setter) {
      this.disarm();
      if (host.setTimeout === undefined) {
        throw new UsageError("Cannot start timer: this host has no setTimeout");
      }
      // Deadlines are sums of large doubles: without the tolerance 1 s would become 1001 ms.
      const ms = Math.max(0, Math.ceil(seconds * 1000 - 0.01));
      const id = host.setTimeout(this.#fire, Math.min(ms, LONGEST_DELAY_MS));
      this.#setter = host.setTimeout;
      const clear = host.clearTimeout;
      this.#cancel = () => clear?.(id);
      this.#id = id;
      this.#ref = true;
      // Cut short it announces no deadline.
      this.due = ms > LONGEST_DELAY_MS ? Infinity : due;
    }
    if (ref !== this.#ref) setRef(this.#id, ref);
    this.#ref = ref;
  }

  /** Clears it. */
  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.due = Infinity;
  }
}

/** The soonest call back that lets the host look at its own events first. */
export class WakeNow {
  readonly #fire: () => void;
  #cancel: (() => void) | undefined;
  #id: unknown;
  #ref = true;

  constructor(fired: () => void) {
    this.#fire = (): void => {
      this.#cancel = undefined;
      fired();
    };
  }

  /** Whether it is armed. */
  get armed(): boolean {
    return this.#cancel !== undefined;
  }

  /** Arms it, unless it is. @param ref keep the process alive */
  arm(ref: boolean): void {
    if (this.#cancel === undefined) {
      this.#start();
      this.#ref = true;
    }
    if (ref !== this.#ref) setRef(this.#id, ref);
    this.#ref = ref;
  }

  /** Clears it. */
  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #start(): void {
    const host = globals();
    if (host.setImmediate !== undefined) {
      const id = this.#id = host.setImmediate(this.#fire);
      const clear = host.clearImmediate;
      this.#cancel = () => clear?.(id);
    } else if (host.MessageChannel !== undefined) {
      // Cheaper than a zero timer, which browsers stretch to 4 ms.
      const { port1, port2 } = new host.MessageChannel();
      const stop = (): void => {
        port1.onmessage = null;
        port1.close();
        port2.close();
      };
      port1.onmessage = (): void => {
        stop();
        this.#fire();
      };
      port2.postMessage(0);
      this.#id = undefined;
      this.#cancel = stop;
    } else if (host.setTimeout !== undefined) {
      const id = this.#id = host.setTimeout(this.#fire, 0);
      const clear = host.clearTimeout;
      this.#cancel = () => clear?.(id);
    } else {
      throw new UsageError(
        "Cannot post: this host has no setImmediate, MessageChannel or setTimeout",
      );
    }
  }
}
