import type { Libc } from "./libc.ts";
import { systemError } from "./errno.ts";

export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
export const EPOLLONESHOT = 1 << 30;

const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;
const CLOEXEC = 0o2000000;

/** One epoll instance: descriptors, each with a tag that comes back with its events. */
export class Epoll {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #one: DataView<ArrayBuffer>;
  readonly #oneBytes: Uint8Array<ArrayBuffer>;
  readonly #many: DataView<ArrayBuffer>;
  /** Where the system puts events. */
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #size: number;
  readonly #data: number;
  readonly #most: number;

  /** @param most events at a time */
  constructor(libc: Libc, most = 256) {
    this.#libc = libc;
    this.#size = libc.event.size;
    this.#data = libc.event.data;
    this.#most = most;
    this.#oneBytes = new Uint8Array(this.#size);
    this.#one = new DataView(this.#oneBytes.buffer);
    this.buffer = new Uint8Array(this.#size * most);
    this.#many = new DataView(this.buffer.buffer);
    this.fd = libc.calls.epoll_create1(CLOEXEC);
    if (this.fd < 0) throw systemError("make an epoll instance", libc.errno());
  }

  /** @returns 0, or the error number */
  add(fd: number, events: number, tag = 0): number {
    return this.#control(CTL_ADD, fd, events, tag);
  }

  /** @returns 0, or the error number */
  modify(fd: number, events: number, tag = 0): number {
    return this.#control(CTL_MOD, fd, events, tag);
  }

  /** @returns 0, or the error number */
  remove(fd: number): number {
    return this.#control(CTL_DEL, fd, 0, 0);
  }

  /** Waits on this thread. @param ms -1: without limit @returns how many events; 0 also when interrupted */
  wait(ms: number): number {
    return Math.max(0, this.#libc.calls.epoll_wait(this.fd, this.buffer, this.#most, ms));
  }

  /** The events of entry `index` of the last wait. */
  events(index: number): number {
    return this.#many.getUint32(index * this.#size, true);
  }

  /** The descriptor of that entry. */
  source(index: number): number {
    return this.#many.getUint32(index * this.#size + this.#data, true);
  }

  /** The tag of that entry. */
  tag(index: number): number {
    return this.#many.getUint32(index * this.#size + this.#data + 4, true);
  }

  close(): void {
    this.#libc.calls.close(this.fd);
  }

  #control(operation: number, fd: number, events: number, tag: number): number {
    this.#one.setUint32(0, events, true);
    this.#one.setUint32(this.#data, fd, true);
    this.#one.setUint32(this.#data + 4, tag, true);
    const failed = this.#libc.calls.epoll_ctl(this.fd, operation, fd, this.#oneBytes) < 0;
    return failed ? this.#libc.errno() : 0;
  }
}

/** A timer that is a descriptor. */
export class TimerFd {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #words = new Uint32Array(8);
  readonly #spec = new Uint8Array(this.#words.buffer);

  constructor(libc: Libc) {
    this.#libc = libc;
    // CLOCK_MONOTONIC, non-blocking, close-on-exec.
    this.fd = libc.calls.timerfd_create(1, 0o4000 | CLOEXEC);
    if (this.fd < 0) throw systemError("make a timer", libc.errno());
  }

  /** Readable from then on. @param seconds from now, above zero; `Infinity`: never */
  set(seconds: number): void {
    const words = this.#words;
    words[4] = words[6] = 0;
    if (seconds < Infinity) {
      // Waking up early is no harm, and a longer wait has no sense in the kernel.
      const whole = Math.min(Math.floor(seconds), 2 ** 31);
      words[4] = whole;
      // Zero would mean "never".
      words[6] = Math.min(999_999_999, Math.max(1, Math.ceil((seconds - whole) * 1e9)));
    }
    this.#libc.calls.timerfd_settime(this.fd, 0, this.#spec, null);
  }

  close(): void {
    this.#libc.calls.close(this.fd);
  }
}
