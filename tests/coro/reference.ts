/**
 * A second, plain implementation of threads, semaphores, channels, signals and locks, to compare the real one with: arrays
 * instead of links, program counters instead of generators.
 */

/** One step of a thread. `n` chooses a thread, semaphore or channel. */
export interface Step {
  readonly op:
    | "cede"
    | "cedeNotself"
    | "schedule"
    | "ready"
    | "cancel"
    | "throw"
    | "suspend"
    | "resume"
    | "down"
    | "up"
    | "put"
    | "get"
    | "join"
    | "safeCancel"
    | "scheduleTo"
    | "cedeTo"
    | "wait"
    | "send"
    | "broadcast"
    | "async"
    | "prio"
    | "terminate"
    | "rdlock"
    | "wrlock"
    | "unlock";
  readonly n: number;
}

/** What a thread does, and its priority. */
export interface Program {
  readonly prio: number;
  readonly steps: readonly Step[];
}

/** What threads run that are made by `async`: the one of `n`. */
export const CHILDREN: readonly Program[] = [
  { prio: 0, steps: [{ op: "cede", n: 0 }, { op: "up", n: 0 }] },
  { prio: 0, steps: [{ op: "get", n: 0 }, { op: "wrlock", n: 0 }, { op: "unlock", n: 0 }] },
  { prio: 0, steps: [{ op: "down", n: 0 }, { op: "schedule", n: 0 }, { op: "up", n: 0 }] },
];

/** The priority that `prio` sets for an `n`. */
export function prioOf(n: number): number {
  return n - 2;
}

type Wait =
  | { readonly kind: "down" | "get"; readonly gate: RefGate; woken: boolean }
  | { readonly kind: "put"; readonly channel: RefChannel; released: boolean }
  | { readonly kind: "join"; readonly target: RefThread }
  | { readonly kind: "to"; readonly target: RefThread; readonly queues: boolean }
  | { readonly kind: "signal"; readonly signal: RefSignal; got: "nothing" | "send" | "broadcast" }
  | { readonly kind: "lock"; readonly writes: boolean; woken: boolean }
  | { readonly kind: "switch" };

interface RefGate {
  count: number;
  waiting: RefThread[];
}

interface RefChannel {
  readonly gate: RefGate;
  readonly items: number[];
  /** `undefined`: a put nobody waits in. */
  readonly putters: (RefThread | undefined)[];
  readonly max: number;
}

interface RefSignal {
  remembered: boolean;
  waiting: RefThread[];
}

interface RefLock {
  readers: number;
  writer: boolean;
  waitingReaders: RefThread[];
  waitingWriters: RefThread[];
}

interface RefThread {
  readonly id: number;
  readonly program: Program;
  prio: number;
  pc: number;
  begun: boolean;
  queued: boolean;
  ended: boolean;
  suspended: boolean;
  missed: boolean;
  pending: boolean;
  doomed: boolean;
  /** By `safeCancel`, and not resumed since. */
  returning: boolean;
  wait: Wait | undefined;
  joiners: RefThread[];
}

/** Runs programs; `log` is what they did. */
export class Reference {
  readonly log: string[] = [];
  readonly threads: RefThread[] = [];
  readonly semaphores: RefGate[];
  readonly channels: RefChannel[];
  readonly signal: RefSignal = { remembered: false, waiting: [] };
  readonly lock: RefLock = { readers: 0, writer: false, waitingReaders: [], waitingWriters: [] };
  readonly #queues = new Map<number, RefThread[]>();
  #current: RefThread | undefined;
  #forced: RefThread | undefined;

  constructor(programs: readonly Program[], counts: readonly number[], sizes: readonly number[]) {
    this.semaphores = counts.map((count) => ({ count, waiting: [] }));
    this.channels = sizes.map((max) => ({
      gate: { count: 0, waiting: [] },
      items: [],
      putters: [],
      max: max === 0 ? Infinity : max,
    }));
    for (const program of programs) this.#async(program);
  }

  #async(program: Program): void {
    const thread: RefThread = {
      id: this.threads.length,
      program,
      prio: program.prio,
      pc: 0,
      begun: false,
      queued: false,
      ended: false,
      suspended: false,
      missed: false,
      pending: false,
      doomed: false,
      returning: false,
      wait: undefined,
      joiners: [],
    };
    this.threads.push(thread);
    this.ready(thread);
  }

  /** Runs until nothing is ready. */
  settle(): void {
    for (let next = this.#choose(); next !== undefined; next = this.#choose()) this.#run(next);
  }

  /** Does a step from outside threads: one that cannot block. */
  outside(step: Step): void {
    this.#effect(step);
  }

  ready(thread: RefThread): void {
    if (thread.queued || thread.ended) return;
    thread.queued = true;
    this.#enqueue(thread);
  }

  #enqueue(thread: RefThread): void {
    const queue = this.#queues.get(thread.prio) ?? [];
    queue.push(thread);
    this.#queues.set(thread.prio, queue);
  }

  #pop(): RefThread | undefined {
    const prios = [...this.#queues.keys()].sort((a, b) => b - a);
    for (const prio of prios) {
      const queue = this.#queues.get(prio)!;
      while (queue.length > 0) {
        const thread = queue.shift()!;
        if (thread.ended) continue;
        thread.queued = false;
        if (!thread.suspended) return thread;
        thread.missed = true;
      }
    }
    return undefined;
  }

  #choose(): RefThread | undefined {
    const forced = this.#forced;
    this.#forced = undefined;
    return forced !== undefined && !forced.ended ? forced : this.#pop();
  }

  #run(thread: RefThread): void {
    this.#current = thread;
    if (!thread.begun) {
      thread.begun = true;
      if (thread.pending) {
        this.#finish(thread, "failed");
        this.#current = undefined;
        return;
      }
    } else if (thread.returning) {
      thread.returning = false;
      this.#abort(thread);
      this.#finish(thread, "end");
      this.#current = undefined;
      return;
    } else if (thread.pending) {
      thread.pending = false;
      this.#abort(thread);
      this.log.push(`${thread.id}.${thread.pc} caught`);
      thread.pc++;
    } else if (!this.#completes(thread)) {
      this.#current = undefined;
      return;
    } else {
      this.log.push(`${thread.id}.${thread.pc} done`);
      thread.pc++;
    }
    this.#steps(thread);
    this.#current = undefined;
  }

  #steps(thread: RefThread): void {
    while (thread.pc < thread.program.steps.length) {
      const step = thread.program.steps[thread.pc];
      const wait = this.#effect(step);
      if (wait !== undefined) {
        if (thread.doomed) {
          this.#finish(thread, "end");
          return;
        }
        thread.wait = wait;
        this.#begin(thread, step);
        return;
      }
      this.log.push(`${thread.id}.${thread.pc} done`);
      thread.pc++;
    }
    this.#finish(thread, "end");
  }

  /** @returns what the step waits for, if it does */
  #effect(step: Step): Wait | undefined {
    const target = this.threads[step.n % this.threads.length];
    const gate = this.semaphores[step.n % this.semaphores.length];
    const channel = this.channels[step.n % this.channels.length];
    switch (step.op) {
      case "cede":
      case "cedeNotself":
      case "schedule":
        return { kind: "switch" };
      case "ready":
        this.ready(target);
        return;
      case "cancel":
        this.#cancel(target);
        return;
      case "throw":
        if (target.ended) return;
        target.pending = true;
        this.ready(target);
        return;
      case "suspend":
        target.suspended = true;
        return;
      case "resume": {
        const missed = target.missed;
        target.suspended = target.missed = false;
        if (missed) this.ready(target);
        return;
      }
      case "up":
        this.#adjust(gate);
        return;
      case "down":
        return this.#take(gate) ? undefined : { kind: "down", gate, woken: false };
      case "put":
        channel.items.push(1);
        this.#adjust(channel.gate);
        if (channel.items.length < channel.max) return;
        channel.putters.push(this.#current);
        return { kind: "put", channel, released: false };
      case "get":
        if (!this.#take(channel.gate)) return { kind: "get", gate: channel.gate, woken: false };
        this.#taken(channel);
        return;
      case "join":
        return target.ended ? undefined : { kind: "join", target };
      case "safeCancel":
        if (target.ended || !target.begun) {
          this.#cancel(target);
        } else if (target !== this.#current && !target.returning) {
          target.returning = true;
          this.ready(target);
        }
        return;
      case "scheduleTo":
      case "cedeTo":
        if (target.ended || target.suspended || target === this.#current) return;
        return { kind: "to", target, queues: step.op === "cedeTo" };
      case "wait":
        if (!this.signal.remembered) {
          return { kind: "signal", signal: this.signal, got: "nothing" };
        }
        this.signal.remembered = false;
        return;
      case "send":
        this.#send();
        return;
      case "broadcast":
        this.signal.remembered = false;
        for (const waiter of this.signal.waiting.splice(0)) this.#signal(waiter, "broadcast");
        return;
      case "async":
        this.#async(CHILDREN[step.n % CHILDREN.length]);
        return;
      case "prio":
        target.prio = prioOf(step.n);
        return;
      case "terminate":
        this.#current!.doomed = true;
        return { kind: "switch" };
      case "rdlock":
      case "wrlock": {
        const writes = step.op === "wrlock";
        return this.#lock(writes) ? undefined : { kind: "lock", writes, woken: false };
      }
      case "unlock":
        // As nobody does who does not hold it.
        if (this.lock.readers === 0 && !this.lock.writer) return;
        if (this.lock.readers > 0) this.lock.readers--;
        else this.lock.writer = false;
        this.#unlocked();
    }
  }

  /** After a thread was switched away: what its wait does at once. */
  #begin(thread: RefThread, step: Step): void {
    const wait = thread.wait!;
    if (wait.kind === "down" || wait.kind === "get") wait.gate.waiting.push(thread);
    if (wait.kind === "join") wait.target.joiners.push(thread);
    if (wait.kind === "signal") wait.signal.waiting.push(thread);
    if (wait.kind === "lock") this.#lockers(wait.writes).push(thread);
    if (wait.kind === "to") {
      if (wait.queues) this.ready(thread);
      const displaced = this.#forced;
      this.#forced = wait.target;
      if (displaced !== undefined && displaced !== wait.target) this.ready(displaced);
    }
    if (step.op === "cede") this.ready(thread);
    if (step.op === "cedeNotself") {
      this.#forced = this.#pop();
      this.ready(thread);
    }
  }

  /** Whether what a resumed thread waits for has come; otherwise it waits on. */
  #completes(thread: RefThread): boolean {
    const wait = thread.wait!;
    switch (wait.kind) {
      case "switch":
      case "to":
        break;
      case "signal":
        if (wait.got === "nothing") return false;
        break;
      case "join":
        if (!wait.target.ended) return false;
        break;
      case "put":
        if (!wait.released) return false;
        break;
      case "lock":
        if (!this.#lock(wait.writes)) {
          if (wait.woken) this.#lockers(wait.writes).push(thread);
          wait.woken = false;
          return false;
        }
        this.#leaveLock(thread, wait.writes);
        break;
      case "down":
      case "get":
        if (!this.#take(wait.gate)) {
          if (wait.woken) wait.gate.waiting.push(thread);
          wait.woken = false;
          return false;
        }
        wait.gate.waiting = wait.gate.waiting.filter((other) => other !== thread);
        if (wait.kind === "get") {
          this.#taken(this.channels.find((channel) => channel.gate === wait.gate)!);
        }
    }
    thread.wait = undefined;
    return true;
  }

  #take(gate: RefGate): boolean {
    if (gate.count <= 0) return false;
    gate.count--;
    return true;
  }

  #taken(channel: RefChannel): void {
    channel.items.shift();
    const putter = channel.putters.shift();
    if (putter?.wait?.kind !== "put") return;
    putter.wait.released = true;
    this.ready(putter);
  }

  #adjust(gate: RefGate): void {
    gate.count++;
    this.#wake(gate);
  }

  /** Wakes no more than can be served. */
  #wake(gate: RefGate): void {
    const woken = () =>
      this.threads.filter(({ wait, ended }) =>
        !ended && (wait?.kind === "down" || wait?.kind === "get") && wait.gate === gate &&
        wait.woken
      ).length;
    while (gate.count > woken() && gate.waiting.length > 0) {
      const thread = gate.waiting.shift()!;
      (thread.wait as { woken: boolean }).woken = true;
      this.ready(thread);
    }
  }

  #lock(writes: boolean): boolean {
    const { lock } = this;
    if (lock.writer || (writes && lock.readers > 0)) return false;
    if (writes) lock.writer = true;
    else lock.readers++;
    return true;
  }

  #lockers(writes: boolean): RefThread[] {
    return writes ? this.lock.waitingWriters : this.lock.waitingReaders;
  }

  #leaveLock(thread: RefThread, writes: boolean): void {
    const list = this.#lockers(writes);
    const at = list.indexOf(thread);
    if (at >= 0) list.splice(at, 1);
  }

  /** Wakes one writer, else all readers, when it is free. */
  #unlocked(): void {
    const { readers, writer, waitingReaders, waitingWriters } = this.lock;
    if (readers > 0 || writer) return;
    const woken = waitingWriters.length > 0
      ? waitingWriters.splice(0, 1)
      : waitingReaders.splice(0);
    for (const thread of woken) {
      (thread.wait as { woken: boolean }).woken = true;
      this.ready(thread);
    }
  }

  #send(): void {
    const waiter = this.signal.waiting.shift();
    if (waiter === undefined) this.signal.remembered = true;
    else this.#signal(waiter, "send");
  }

  #signal(thread: RefThread, how: "send" | "broadcast"): void {
    (thread.wait as { got: string }).got = how;
    this.ready(thread);
  }

  #abort(thread: RefThread): void {
    const wait = thread.wait;
    thread.wait = undefined;
    if (wait?.kind === "down" || wait?.kind === "get") {
      wait.gate.waiting = wait.gate.waiting.filter((other) => other !== thread);
      if (wait.woken) this.#wake(wait.gate);
    } else if (wait?.kind === "put" && !wait.released) {
      wait.channel.putters.splice(wait.channel.putters.indexOf(thread), 1);
    } else if (wait?.kind === "signal") {
      this.signal.waiting = this.signal.waiting.filter((other) => other !== thread);
      if (wait.got === "send") this.#send();
    } else if (wait?.kind === "lock") {
      this.#leaveLock(thread, wait.writes);
      if (wait.woken) this.#unlocked();
    } else if (wait?.kind === "join") {
      wait.target.joiners = wait.target.joiners.filter((other) => other !== thread);
    }
  }

  #cancel(thread: RefThread): void {
    if (thread.ended) return;
    if (thread === this.#current) {
      thread.doomed = true;
      return;
    }
    thread.ended = true;
    this.#abort(thread);
    this.#finish(thread, "end");
  }

  #finish(thread: RefThread, how: string): void {
    thread.ended = true;
    if (how !== "failed" && thread.begun) this.log.push(`${thread.id} end`);
    const joiners = thread.joiners;
    thread.joiners = [];
    for (const joiner of joiners.reverse()) this.ready(joiner);
  }
}
