/** A backend as a third party would write it, on the contract alone: a loop on any host's timers. */
import {
  type Backend,
  type BackendOptions,
  type BackendStats,
  Heap,
  type HeapItem,
  type IoMode,
  isWatchable,
  type Undo,
  UsageError,
  WATCH,
} from "@anyevent/backends/contract";

interface Timer extends HeapItem {
  readonly cb: () => void;
}

const LONGEST_MS = 2 ** 31 - 1;

function check(good: boolean, what: string): void {
  if (!good) throw new UsageError(`Cannot ${what}`);
}

export class TinyBackend implements Backend {
  readonly name = "tiny";
  readonly accepts = isWatchable;
  readonly time = (): number => Date.now() / 1000;
  readonly #origin = Date.now() / 1000 - performance.now() / 1000;
  readonly #timers = new Heap<Timer>();
  readonly #undos = new Set<Undo>();
  #posts: (() => void)[] = [];
  #seq = 0;
  #turnBegan: number | undefined;
  #held = false;
  #wake: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly options: BackendOptions = {}) {}

  now(): number {
    return this.#turnBegan ?? this.#origin + performance.now() / 1000;
  }

  nowUpdate(): void {
    if (this.#turnBegan !== undefined) this.#turnBegan = this.#origin + performance.now() / 1000;
  }

  timer(after: number, cb: () => void): Undo {
    check(typeof after === "number" && !isNaN(after), `start timer: delay ${after} is no number`);
    check(typeof cb === "function", "start timer: no callback");
    const timer: Timer = { index: -1, due: this.now() + Math.max(0, after), seq: this.#seq++, cb };
    this.#timers.push(timer);
    this.#sleep();
    return () => void (this.#timers.remove(timer) && this.#sleep());
  }

  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    check(mode === "r" || mode === "w", `watch: mode ${mode} is neither "r" nor "w"`);
    if (!isWatchable(source)) throw new UsageError("Cannot watch: give a stream of streamPair");
    const unwatch = source[WATCH](mode, () => this.#undos.has(undo) && this.#call(cb), () => {
      undo();
      if (closed !== undefined) this.#call(closed);
    });
    const undo = (): void => void (this.#undos.delete(undo) && unwatch());
    this.#undos.add(undo);
    return undo;
  }

  post(cb: () => void): void {
    check(typeof cb === "function", "post: no callback");
    this.#posts.push(cb);
    this.#sleep();
  }

  hold(on: boolean): void {
    check(typeof on === "boolean", `hold process: ${on} is not a boolean`);
    this.#held = on;
    this.#sleep();
  }

  stats(): BackendStats {
    const [timers, ios, posted] = [this.#timers.size, this.#undos.size, this.#posts.length];
    return { timers, ios, posted, signals: 0, children: 0, idles: 0 };
  }

  dispose(): void {
    for (const undo of [...this.#undos]) undo();
    this.#timers.clear();
    this.#posts.length = 0;
    this.hold(false);
  }

  #turn(): void {
    const began = this.#turnBegan = this.now();
    const newer = this.#seq;
    for (let left = this.#posts.length; left > 0; left--) {
      const cb = this.#posts.shift();
      if (cb !== undefined) this.#call(cb);
    }
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.due > began || next.seq >= newer) break;
      this.#timers.remove(next);
      this.#call(next.cb);
    }
    this.#turnBegan = undefined;
    this.#sleep();
  }

  #call(cb: () => void): void {
    try {
      cb();
    } catch (thrown) {
      (this.options.onError ?? reportError)(thrown);
    }
  }

  /** Arms the host's timer for what comes next, and nothing else. */
  #sleep(): void {
    if (this.#turnBegan !== undefined) return;
    clearTimeout(this.#wake);
    this.#wake = undefined;
    const due = this.#posts.length > 0 ? -Infinity : this.#timers.peek()?.due ?? Infinity;
    if (due === Infinity && !this.#held) return;
    const ms = Math.min(Math.max(0, Math.ceil((due - this.now()) * 1000)), LONGEST_MS);
    this.#wake = setTimeout(() => this.#turn(), ms);
    if (!this.#held && this.#posts.length === 0) Deno.unrefTimer(this.#wake as unknown as number);
  }
}
