import type { IoMode, Undo } from "../contract/backend.ts";
import { UsageError } from "../contract/errors.ts";
import type { Poller } from "../driven/poller.ts";
import { Epoll, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, TimerFd } from "./epoll.ts";
import { EBADF, EEXIST, ENOENT, EPERM, systemError } from "./errno.ts";
import type { Libc } from "./libc.ts";

/** Seconds after which a descriptor that was closed under its watchers is found at the latest. */
export const SWEEP_SECONDS = 1;

const READABLE = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
const WRITABLE = EPOLLOUT | EPOLLHUP | EPOLLERR;

interface Watcher {
  readonly cb: () => void;
  /** Called when the descriptor is closed before the undo. */
  readonly closed: (() => void) | undefined;
  live: boolean;
}

const NONE: readonly Watcher[] = [];

/** One watched descriptor. */
class Entry {
  readers = NONE;
  writers = NONE;
  /** Files have no readiness: they are always ready. */
  always = false;

  /** @param tag tells it from an earlier watched file of the same number */
  constructor(readonly fd: number, readonly tag: number, readonly foreign: boolean) {}

  get events(): number {
    return (this.readers.length > 0 ? EPOLLIN : 0) | (this.writers.length > 0 ? EPOLLOUT : 0);
  }

  add(mode: IoMode, watcher: Watcher): void {
    if (mode === "r") this.readers = [...this.readers, watcher];
    else this.writers = [...this.writers, watcher];
  }

  remove(mode: IoMode, watcher: Watcher): void {
    if (mode === "r") this.readers = this.readers.filter((each) => each !== watcher);
    else this.writers = this.writers.filter((each) => each !== watcher);
  }
}

/**
 * The descriptors that one loop watches: an epoll instance, with a timer in it.
 *
 * The system's part exists while it is in use only.
 */
export class FdPoller implements Poller {
  readonly #libc: Libc;
  readonly #fault: (error: unknown) => void;
  readonly #changed: () => void;
  readonly #entries = new Map<number, Entry>();
  readonly #always = new Set<Entry>();
  #epoll: Epoll | undefined;
  #timer: TimerFd | undefined;
  #due = Infinity;
  #tags = 0;
  #foreign = 0;
  #swept = -Infinity;
  /** Events that `wait` has fetched for the next `poll`. */
  #fetched = -1;
  #hot = false;

  /**
   * @param fault gets what is to be told about watched descriptors
   * @param changed called when there is another descriptor or one less
   */
  constructor(libc: Libc, fault: (error: unknown) => void, changed: () => void) {
    this.#libc = libc;
    this.#fault = fault;
    this.#changed = changed;
  }

  /** How many descriptors are watched. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether the last look found something, so that another one is worth while. */
  get hot(): boolean {
    return this.#hot || this.#always.size > 0;
  }

  /** When descriptors of others are to be looked at again. */
  get sweepDue(): number {
    return this.#foreign === 0 ? Infinity : this.#swept + SWEEP_SECONDS;
  }

  /** The epoll instance. */
  get fd(): number {
    return this.#open().fd;
  }

  /**
   * Calls back in every turn in which the descriptor is ready.
   *
   * @param foreign it belongs to somebody else, who may close it
   * @param closed called instead of later callbacks when it is closed
   * @throws {UsageError} when it is not open
   */
  watch(
    fd: number,
    mode: IoMode,
    cb: () => void,
    foreign: boolean,
    closed?: () => void,
  ): Undo {
    const watcher: Watcher = { cb, closed, live: true };
    const entry = this.#entry(fd, mode, watcher, foreign);
    this.#changed();
    return () => {
      if (!watcher.live) return;
      watcher.live = false;
      entry.remove(mode, watcher);
      if (this.#entries.get(fd) !== entry) return;
      if (entry.events === 0) this.#drop(entry);
      else if (!entry.always) this.#epoll?.modify(fd, entry.events, entry.tag);
      this.#changed();
    };
  }

  /** Forgets a descriptor, and tells its watchers that it is closed; to be called before it is. */
  forget(fd: number): void {
    const entry = this.#entries.get(fd);
    if (entry === undefined) return;
    this.#drop(entry);
    this.#end(entry);
  }

  /** Makes the epoll instance ready at `due`. @param now the clock `due` is of */
  setTimer(due: number, now: number): void {
    if (due === this.#due && due > now) return;
    if (due === Infinity && this.#timer === undefined) return;
    this.#open();
    this.#timer!.set(Math.max(0, due - now));
    this.#due = due;
  }

  /** Waits on this thread. @param ms -1: until there is something */
  wait(ms: number): void {
    this.#fetched = this.#open().wait(ms);
  }

  /** Looks without waiting, on this thread; what it finds is for the next `poll`. */
  peek(): boolean {
    this.wait(0);
    return this.#fetched > 0;
  }

  poll(call: (cb: () => void) => void): boolean {
    this.#hot = false;
    const epoll = this.#epoll;
    if (epoll === undefined) return false;
    const count = this.#fetched >= 0 ? this.#fetched : epoll.wait(0);
    this.#fetched = -1;
    if (count === 0 && this.#always.size === 0) return false;
    // Taken out first: a callback may run the loop, and so fill the buffer again.
    const ready: (Entry | number)[] = [];
    let lost = false;
    for (let i = 0; i < count; i++) {
      const fd = epoll.source(i);
      if (fd === this.#timer!.fd) {
        // It stays ready until it is set again.
        this.#due = -Infinity;
        continue;
      }
      const entry = this.#entries.get(fd);
      if (entry === undefined || entry.tag !== epoll.tag(i)) lost = true;
      else ready.push(entry, epoll.events(i));
    }
    for (const entry of this.#always) ready.push(entry, EPOLLIN | EPOLLOUT);
    // A file that is open under another number still reports for one that was closed.
    if (lost) this.#rebuild();
    for (let i = 0; i < ready.length; i += 2) {
      const entry = ready[i] as Entry;
      const events = ready[i + 1] as number;
      const { readers, writers } = entry;
      if ((events & READABLE) !== 0) this.#callAll(readers, call);
      if ((events & WRITABLE) !== 0) this.#callAll(writers, call);
    }
    return this.#hot = ready.length > 0;
  }

  /** Looks for descriptors that somebody has closed. @param now loop time */
  sweep(now: number): void {
    if (this.#foreign > 0 && now < this.#swept + SWEEP_SECONDS) return;
    this.#swept = now;
    if (this.#foreign === 0) return;
    for (const entry of [...this.#entries.values()]) {
      if (!entry.foreign) continue;
      const failed = entry.always
        ? this.#epoll!.add(entry.fd, 0)
        : this.#epoll!.modify(entry.fd, entry.events, entry.tag);
      if (failed !== 0 && failed !== EPERM) this.#lose(entry);
    }
  }

  /** Gives back to the system what nothing needs. */
  trim(): void {
    if (this.#entries.size === 0) this.#shut();
  }

  /** Forgets all descriptors. */
  dispose(): void {
    for (const fd of [...this.#entries.keys()]) this.forget(fd);
    this.#shut();
  }

  #callAll(watchers: readonly Watcher[], call: (cb: () => void) => void): void {
    for (const watcher of watchers) if (watcher.live) call(watcher.cb);
  }

  #entry(fd: number, mode: IoMode, watcher: Watcher, foreign: boolean): Entry {
    const found = this.#entries.get(fd);
    if (found !== undefined) {
      found.add(mode, watcher);
      const failed = found.always ? 0 : this.#open().modify(fd, found.events, found.tag);
      if (failed === 0) return found;
      found.remove(mode, watcher);
      this.#lose(found);
    }
    const entry = new Entry(fd, this.#tags = (this.#tags + 1) >>> 0, foreign);
    entry.add(mode, watcher);
    const failed = this.#open().add(fd, entry.events, entry.tag);
    if (failed === EBADF) {
      throw new UsageError(`Cannot watch descriptor ${fd}: it is not open (EBADF)`);
    }
    if (failed === EEXIST) {
      // Left there by an earlier file of this number that is still open under another one.
      this.#entries.set(fd, entry);
      this.#rebuild();
    } else if (failed === EPERM) {
      entry.always = true;
      this.#always.add(entry);
    } else if (failed !== 0) throw systemError(`watch descriptor ${fd}`, failed);
    this.#entries.set(fd, entry);
    if (foreign) this.#foreign++;
    return entry;
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.fd);
    this.#always.delete(entry);
    if (entry.foreign) this.#foreign--;
    if (!entry.always) this.#epoll?.remove(entry.fd);
  }

  /** The file behind an entry is gone: its watchers would wait for ever without a word. */
  #lose(entry: Entry): void {
    this.#drop(entry);
    this.#fault(
      new UsageError(
        `Cannot watch descriptor ${entry.fd} any more: it was closed while it was watched (EBADF); ` +
          "cancel its watchers before it is closed",
      ),
    );
    this.#end(entry);
  }

  /** Tells the watchers of a dropped entry that there is nothing to watch any more. */
  #end(entry: Entry): void {
    for (const watcher of [...entry.readers, ...entry.writers]) {
      // One that is told may undo another.
      if (!watcher.live) continue;
      watcher.live = false;
      watcher.closed?.();
    }
    this.#changed();
  }

  #open(): Epoll {
    if (this.#epoll !== undefined) return this.#epoll;
    const timer = new TimerFd(this.#libc);
    let epoll: Epoll;
    try {
      epoll = new Epoll(this.#libc);
    } catch (thrown) {
      timer.close();
      throw thrown;
    }
    epoll.add(timer.fd, EPOLLIN);
    this.#timer = timer;
    this.#due = Infinity;
    return this.#epoll = epoll;
  }

  #shut(): void {
    this.#epoll?.close();
    this.#timer?.close();
    this.#epoll = this.#timer = undefined;
    this.#due = Infinity;
    this.#fetched = -1;
    this.#hot = false;
  }

  /** Another epoll instance with what is really watched. */
  #rebuild(): void {
    const old = this.#epoll!;
    const epoll = new Epoll(this.#libc);
    this.#epoll = epoll;
    epoll.add(this.#timer!.fd, EPOLLIN);
    for (const entry of [...this.#entries.values()]) {
      if (entry.always) continue;
      const failed = epoll.add(entry.fd, entry.events, entry.tag);
      if (failed === EBADF || failed === ENOENT) this.#lose(entry);
    }
    old.close();
    this.rebuilt();
  }

  /** Called after the epoll instance was replaced by another one. */
  rebuilt: () => void = () => undefined;
}

/** What a descriptor is refused with that no system can have. */
export function isDescriptor(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}
