/**
 * The host's timers and immediates, looked up on `globalThis` at each use, so that fake timers that
 * replace them drive the loop.
 */

interface HostTimers {
  setTimeout(cb: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
  setImmediate?(cb: () => void): unknown;
  clearImmediate?(id: unknown): void;
}

interface Refable {
  ref(): void;
  unref(): void;
}

/** The longest delay a host timer takes; more is cut to almost none. */
export const LONGEST_DELAY_MS = 2 ** 31 - 1;

const realSetTimeout: unknown = globalThis.setTimeout;

function isRefable(id: unknown): id is Refable {
  return typeof id === "object" && id !== null &&
    typeof (id as Partial<Refable>).unref === "function";
}

/** One host timer, armed or not, that can be moved to another deadline and told to hold the process. */
export class HostTimer {
  readonly #fire: () => void;
  #id: unknown = undefined;
  #setter: unknown = undefined;
  #clear: ((id: unknown) => void) | undefined = undefined;
  #ref = true;
  /** The deadline it is armed for; `Infinity` when it is not, or only holds the process. */
  due = Infinity;

  /** @param fired called with the deadline it was armed for; it is not armed then */
  constructor(fired: (due: number) => void) {
    this.#fire = (): void => {
      const due = this.due;
      this.#id = undefined;
      this.due = Infinity;
      fired(due);
    };
  }

  /** Whether a host timer exists. */
  get armed(): boolean {
    return this.#id !== undefined;
  }

  /** Whether the timers it was armed with have been replaced meanwhile. */
  get stale(): boolean {
    return this.#setter !== globalThis.setTimeout;
  }

  /** Arms it anew. @param due deadline; @param seconds from now to it; @param ref hold the process */
  arm(due: number, seconds: number, ref: boolean): void {
    this.disarm();
    const host = globalThis as unknown as HostTimers;
    // Deadlines are sums of large doubles: without the tolerance 1 s would become 1001 ms.
    const ms = Math.min(LONGEST_DELAY_MS, Math.max(0, Math.ceil(seconds * 1000 - 0.01)));
    this.#setter = host.setTimeout;
    this.#clear = host.clearTimeout;
    // Cut short by the longest delay it announces no deadline at all.
    this.due = seconds * 1000 > LONGEST_DELAY_MS ? Infinity : due;
    this.#id = host.setTimeout(this.#fire, ms);
    this.#ref = true;
    this.ref(ref);
  }

  /** Whether it holds the process while armed. */
  ref(on: boolean): void {
    if (this.#id === undefined || on === this.#ref) return;
    this.#ref = on;
    const id = this.#id;
    if (isRefable(id)) {
      if (on) id.ref();
      else id.unref();
    } else if (typeof id === "number" && this.#setter === realSetTimeout) {
      // A number that a replacement made up may be the id of somebody else's real timer.
      const deno = (globalThis as { Deno?: typeof Deno }).Deno;
      if (on) deno?.refTimer(id);
      else deno?.unrefTimer(id);
    }
  }

  /** Clears it. */
  disarm(): void {
    if (this.#id === undefined) return;
    const clear = this.#clear!;
    clear(this.#id);
    this.#id = undefined;
    this.due = Infinity;
  }
}

/**
 * How often the host gets to look at its sockets while there are immediates without a break.
 *
 * While something is always ready, Deno does so once in 61 turns only. When the next turn hangs on work that
 * another thread of the host does, it parks for some 50 µs, and looks. Compiling an empty module is such work;
 * it is V8's, so that tests which count the host's own calls, as Deno's do, find nothing left behind.
 */
const BREATH = {
  /** At first: a row that soon ends, such as what is left when a test returns, is better not held up. */
  turns: 8,
  /** And then each time after so many. */
  seconds: 0.002,
};

/** A module of nothing but a name of its own: one that is known would be found, and not compiled. */
const MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 0, 5, 4, 0, 0, 0, 0);
let modules = 0;

function nextModule(): Uint8Array<ArrayBuffer> {
  modules++;
  // ASCII, as names are UTF-8.
  for (let i = 0; i < 4; i++) MODULE[11 + i] = modules >> (7 * i) & 127;
  return MODULE;
}

/** One host immediate, armed or not; while armed it holds the process. */
export class HostImmediate {
  readonly #fire: () => void;
  readonly #breathed = (): void => {
    this.#breathing = false;
    this.#since = performance.now() / 1000;
    // What came in meanwhile had its turn: this one has not been called off by it.
    if (this.#wanted) this.#fire();
  };
  #id: unknown = undefined;
  #clear: ((id: unknown) => void) | undefined = undefined;
  /** When the row of immediates began, or the host last looked; -1: there is no row. */
  #since = -1;
  /** Of the row. */
  #turns = 0;
  #breathing = false;
  #wanted = false;

  /** @param fired called in the host's next turn; it is not armed then */
  constructor(fired: () => void) {
    this.#fire = (): void => {
      this.#id = undefined;
      this.#wanted = false;
      fired();
      if (!this.armed) this.#since = -1;
    };
  }

  /** Arms it, if it is not. */
  arm(): void {
    if (this.armed) return;
    this.#wanted = true;
    if (this.#breathing) return;
    const now = performance.now() / 1000;
    if (this.#since < 0) {
      this.#since = now;
      this.#turns = 0;
    } else if (++this.#turns >= BREATH.turns && now - this.#since >= BREATH.seconds) {
      return this.#breathe();
    }
    const host = globalThis as unknown as HostTimers;
    if (host.setImmediate !== undefined) {
      this.#clear = host.clearImmediate;
      this.#id = host.setImmediate(this.#fire);
    } else {
      this.#clear = host.clearTimeout;
      this.#id = host.setTimeout(this.#fire, 0);
    }
  }

  #breathe(): void {
    this.#breathing = true;
    WebAssembly.compile(nextModule()).then(this.#breathed, this.#breathed);
  }

  /** Clears it. */
  disarm(): void {
    this.#wanted = false;
    if (this.#id === undefined) return;
    const clear = this.#clear!;
    clear(this.#id);
    this.#id = undefined;
  }

  /** Whether it is armed. */
  get armed(): boolean {
    return this.#id !== undefined || this.#wanted;
  }
}
