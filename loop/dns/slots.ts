import { Deque, type Undo } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";

interface Job {
  /** Takes a slot; calls `release` when done with it. */
  readonly begin: (release: () => void) => void;
  live: boolean;
}

/**
 * At most so many things at a time, the others in a queue, first come first served; and those who only want
 * to know that there is a slot, behind all of the queue.
 */
export class Slots {
  readonly #loop: Loop;
  readonly #queue = new Deque<Job>();
  readonly #waiters = new Deque<{ readonly cb: () => void; live: boolean }>();
  #most: number;
  #used = 0;
  #posted = false;
  #open = true;

  constructor(loop: Loop, most: number) {
    this.#loop = loop;
    this.#most = most;
  }

  /** How many there are. */
  get most(): number {
    return this.#most;
  }

  set most(count: number) {
    this.#most = count;
    this.#pump();
  }

  /** Closed, nobody gets a slot. */
  set open(open: boolean) {
    this.#open = open;
    this.#pump();
  }

  /** Gives a slot, maybe inside the call. @returns leaves the queue; no effect once it was given */
  take(begin: (release: () => void) => void): Undo {
    const job: Job = { begin, live: true };
    this.#queue.push(job);
    this.#pump();
    return () => void (job.live = false);
  }

  /** Calls back in a turn in which there is a slot that nobody waits for. */
  wait(cb: () => void): Undo {
    const waiter = { cb, live: true };
    this.#waiters.push(waiter);
    this.#pump();
    return () => void (waiter.live = false);
  }

  #pump(): void {
    while (this.#free()) {
      const job = this.#queue.shift();
      if (job === undefined) break;
      if (!job.live) continue;
      job.live = false;
      this.#used++;
      let held = true;
      job.begin(() => {
        if (!held) return;
        held = false;
        this.#used--;
        this.#pump();
      });
    }
    if (this.#waiters.size > 0 && this.#free()) this.#post();
  }

  #free(): boolean {
    return this.#open && this.#used < this.#most;
  }

  #post(): void {
    if (this.#posted) return;
    this.#posted = true;
    this.#loop.env.backend.post(() => {
      this.#posted = false;
      // Each may take the slot that the next one was to be told of.
      while (this.#free() && this.#queue.size === 0) {
        const waiter = this.#waiters.shift();
        if (waiter === undefined) return;
        if (waiter.live) waiter.cb();
      }
    });
  }
}
