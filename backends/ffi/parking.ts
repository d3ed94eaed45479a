import { InternalError } from "../contract/errors.ts";
import { Epoll, EPOLLIN, EPOLLONESHOT } from "./epoll.ts";
import { systemError } from "./errno.ts";
import { libc, type WaitingLibrary } from "./libc.ts";

/** A place among those who wait. */
export interface Seat {
  /** From now on the next event calls `wake`, once. */
  arm(): void;
  /** No more calls. Idempotent. */
  leave(): void;
}

/** The one wait of this process, and what belongs to it. */
interface Waiting {
  readonly library: WaitingLibrary;
  readonly epoll: Epoll;
  /** An eventfd that ends the wait. */
  readonly bell: number;
}

const seats = new Map<number, () => void>();
let waiting: Waiting | undefined;
let underWay = 0;

/** Waiting calls whose return the host has not told yet: for a while also after everybody has left. */
export function waitsUnderWay(): number {
  return underWay;
}

/**
 * Waits for events of a backend's epoll instance beside the host's own loop, and keeps the process alive
 * meanwhile.
 *
 * All backends of a process share one waiting call (an epoll instance can be watched by another one), as
 * each takes a thread of the pool that the host reads files with, and cannot be told to let the process end.
 *
 * @param fd the epoll instance
 * @param wake called when it has events and the seat is armed
 * @throws {PeerError} when the process has no descriptors left
 */
export function takeSeat(fd: number, wake: () => void): Seat {
  const hall = waiting ??= open();
  const failed = hall.epoll.add(fd, 0);
  if (failed !== 0) {
    if (seats.size === 0) ring(hall);
    throw systemError("wait for events", failed);
  }
  seats.set(fd, wake);
  let here = true;
  return {
    arm(): void {
      if (here) hall.epoll.modify(fd, EPOLLIN | EPOLLONESHOT);
    },
    leave(): void {
      if (!here) return;
      here = false;
      hall.epoll.remove(fd);
      seats.delete(fd);
      if (seats.size === 0) ring(hall);
    },
  };
}

function open(): Waiting {
  const { calls } = libc();
  const epoll = new Epoll(libc(), MOST);
  const bell = calls.eventfd(0, 0o2004000);
  if (bell < 0) {
    const error = systemError("make a wake-up", libc().errno());
    epoll.close();
    throw error;
  }
  epoll.add(bell, EPOLLIN);
  const hall = { library: libc().openWaiting(), epoll, bell };
  wait(hall);
  return hall;
}

function shut(hall: Waiting): void {
  if (waiting === hall) waiting = undefined;
  hall.epoll.close();
  libc().calls.close(hall.bell);
  hall.library.close();
}

const MOST = 64;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const COUNTER = new Uint8Array(8);

/** How often the other thread is looked at, first offering it the processor, then sleeping longer and longer. */
const YIELDS = 200;
const SLEEPS = 100;
const SLEEP_MICROSECONDS = 50;
/** Where others keep the processor busy, the other thread gets this much at most for its way back. */
const MOST_MICROSECONDS = 10_000;

/**
 * Ends the wait, and stays until the other thread has seen it (a tenth of a millisecond): so the call is
 * over when the host looks next, and a test that has cancelled everything leaves no operation behind.
 */
function ring(hall: Waiting): void {
  const { calls } = libc();
  const { epoll } = hall;
  const from = performance.now();
  calls.write(hall.bell, ONE, 8);
  // The system writes into the other thread's buffer, which is zero until then, just before it returns.
  for (let left = YIELDS; epoll.events(0) === 0 && left > 0; left--) calls.sched_yield();
  for (let i = 1; epoll.events(0) === 0 && i <= SLEEPS; i++) calls.usleep(i * SLEEP_MICROSECONDS);
  // Else it has not even begun to wait, as the pool has no thread left: its return shuts the rest.
  if (epoll.events(0) !== 0) shut(hall);
  // It has to come back from there, which takes as long again as getting there took.
  const passed = Math.round((performance.now() - from) * 1000);
  calls.usleep(Math.min(passed, MOST_MICROSECONDS) + SLEEP_MICROSECONDS);
}

function wait(hall: Waiting): void {
  const { epoll, library } = hall;
  epoll.buffer.fill(0);
  const returned = library.symbols.epoll_wait(epoll.fd, epoll.buffer, MOST, -1);
  underWay++;
  returned.finally(() => underWay--).then((count) => woken(hall, count)).catch((thrown) => {
    globalThis.reportError(new InternalError("Cannot wait for events", { cause: thrown }));
  });
}

function woken(hall: Waiting, count: number): void {
  if (waiting !== hall) return;
  const ready: number[] = [];
  for (let i = 0; i < count; i++) ready.push(hall.epoll.source(i));
  for (const fd of ready) {
    if (fd === hall.bell) libc().calls.read(hall.bell, COUNTER, 8);
    else seats.get(fd)?.();
  }
  // One of those woken may have been the last to leave.
  if (waiting !== hall) return;
  if (seats.size > 0) wait(hall);
  else shut(hall);
}
