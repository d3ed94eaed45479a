/**
 * One row of the loop's benchmark, in a process of its own so that no row spoils another one's machine
 * code: `loop_child.ts ROW BACKEND SECONDS` prints lines of name, tab, value (ns).
 *
 * Each row is measured in batches for so many seconds, after a warm-up in which it is compiled; the value
 * is the median batch.
 */
import { Socket } from "node:net";
import { streamPair } from "@anyevent/backends/contract";
import { nodeStream } from "@anyevent/backends/pure";
import {
  AE,
  AnyEvent,
  type ByteStream,
  type CondVar,
  defaultLoop,
  ioStream,
  operation,
  type Watcher,
} from "@anyevent/loop";
import { type Batch, measure, per } from "./measure.ts";

const BATCH = 10_000;
const FAR = 3600;

function expect(got: number, wanted: number): void {
  if (got !== wanted) throw new Error(`counted ${got}, not ${wanted}`);
}

/** Distinct delays in no order, the same in the peers' programs. */
function delays(): Float64Array {
  const all = new Float64Array(65536);
  let x = 1;
  for (let i = 0; i < all.length; i++) {
    x = (x * 1664525 + 1013904223) % 4294967296;
    all[i] = 1000 + x / 4294967.296;
  }
  return all;
}

function nothing(): void {}

/** Others get to know a condvar: one that nobody else sees would not have to be made at all. */
let kept: CondVar<[number]> | undefined;

function condvarThread(): Batch {
  return async () => {
    let sum = 0;
    const from = performance.now();
    await operation(() => "bench", function* () {
      for (let i = 0; i < BATCH; i++) {
        const cv = kept = AE.cv<[number]>();
        cv.send(1);
        sum += yield* cv.recv();
      }
    });
    expect(sum, BATCH);
    if (kept?.ready !== true) throw new Error("not sent");
    return { "condvar send + recv": per(BATCH, from) };
  };
}

function condvarSync(): Batch {
  return () => {
    let sum = 0;
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      const cv = kept = AE.cv<[number]>();
      cv.send(1);
      sum += cv.recvSync();
    }
    expect(sum, BATCH);
    return { "condvar send + recv": per(BATCH, from) };
  };
}

function condvarAwait(): Batch {
  return async () => {
    let sum = 0;
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      const cv = kept = AE.cv<[number]>();
      cv.send(1);
      sum += await cv.recv();
    }
    expect(sum, BATCH);
    return { "condvar send + recv": per(BATCH, from) };
  };
}

function promise(): Batch {
  return async () => {
    let sum = 0;
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      let send!: (value: number) => void;
      const made = new Promise<number>((resolve) => send = resolve);
      send(1);
      sum += await made;
    }
    expect(sum, BATCH);
    return { "condvar send + recv": per(BATCH, from) };
  };
}

function timerCreate(): Batch {
  const watchers: Watcher[] = new Array(BATCH);
  return () => {
    let from = performance.now();
    for (let i = 0; i < BATCH; i++) watchers[i] = AE.timer(FAR, 0, nothing);
    const create = per(BATCH, from);
    from = performance.now();
    for (let i = 0; i < BATCH; i++) watchers[i].cancel();
    return { "timer create": create, "timer cancel": per(BATCH, from) };
  };
}

function hostTimerCreate(): Batch {
  const ids: ReturnType<typeof setTimeout>[] = new Array(BATCH);
  return () => {
    let from = performance.now();
    for (let i = 0; i < BATCH; i++) ids[i] = setTimeout(nothing, FAR * 1000);
    const create = per(BATCH, from);
    from = performance.now();
    for (let i = 0; i < BATCH; i++) clearTimeout(ids[i]);
    return { "timer create": create, "timer cancel": per(BATCH, from) };
  };
}

/** Waits the way the backend waits best. */
async function received(cv: CondVar, blocking: boolean): Promise<void> {
  if (blocking) cv.recvSync();
  else await cv.recv();
}

function timerFire(blocking: boolean): Batch {
  return async () => {
    const cv = AE.cv();
    let left = BATCH;
    const fired = (): void => {
      if (--left === 0) cv.send();
    };
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) AE.timer(0, 0, fired);
    await received(cv, blocking);
    return { "timer create + fire": per(BATCH, from) };
  };
}

/** Each timer starts the next one, so that each has a turn of its own. */
function timerChain(blocking: boolean): Batch {
  return async () => {
    const cv = AE.cv();
    let left = BATCH;
    const fired = (): void => {
      if (--left === 0) cv.send();
      else AE.timer(0, 0, fired);
    };
    const from = performance.now();
    fired();
    await received(cv, blocking);
    return { "timer create + fire": per(BATCH, from) };
  };
}

function hostTimerFire(): Batch {
  return async () => {
    const from = performance.now();
    await new Promise<void>((resolve) => {
      let left = BATCH;
      const fired = (): void => {
        if (--left === 0) resolve();
      };
      for (let i = 0; i < BATCH; i++) setTimeout(fired, 0);
    });
    return { "timer create + fire": per(BATCH, from) };
  };
}

/** A timer in place of another one, among so many. */
function timerAmong(count: number): Batch {
  const after = delays();
  const watchers: Watcher[] = [];
  for (let i = 0; i < count; i++) watchers.push(AE.timer(after[i & 65535], 0, nothing));
  let at = 0;
  return () => {
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      const index = at++ * 7919 % count;
      watchers[index].cancel();
      watchers[index] = AE.timer(after[at & 65535], 0, nothing);
    }
    return { "timer replaced": per(BATCH, from) };
  };
}

function hostTimerAmong(count: number): Batch {
  const after = delays().map((seconds) => seconds * 1000);
  const ids: ReturnType<typeof setTimeout>[] = [];
  for (let i = 0; i < count; i++) ids.push(setTimeout(nothing, after[i & 65535]));
  let at = 0;
  return () => {
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      const index = at++ * 7919 % count;
      clearTimeout(ids[index]);
      ids[index] = setTimeout(nothing, after[at & 65535]);
    }
    return { "timer replaced": per(BATCH, from) };
  };
}

const one = Uint8Array.of(1);
const IO = "io event on a pipe";

/** Two connected descriptors, and how to use them without Deno. */
function openPair(kind: "pipe" | "socketpair") {
  const { symbols } = Deno.dlopen("libc.so.6", {
    pipe2: { parameters: ["buffer", "i32"], result: "i32" },
    socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
    read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  });
  const fds = new Int32Array(2);
  const failed = kind === "pipe" ? symbols.pipe2(fds, 0o4000) : symbols.socketpair(1, 1, 0, fds);
  if (failed !== 0) throw new Error(`no ${kind}`);
  // Counts of 32 bits are enough, and a third cheaper to pass than those of 64.
  type Transfer = (fd: number, bytes: Uint8Array<ArrayBuffer>, count: number) => number;
  const { read, write } = symbols as unknown as { read: Transfer; write: Transfer };
  return { from: fds[0], to: fds[1], read, write };
}

/** A descriptor watched, read and written with system calls. */
function ioDescriptor(blocking: boolean): Batch {
  const { from: source, to, read, write } = openPair("pipe");
  const into = new Uint8Array(1);
  return async () => {
    const cv = AE.cv();
    let left = BATCH;
    const from = performance.now();
    const watcher = AE.io(source, false, () => {
      read(source, into, 1);
      if (--left === 0) cv.send();
      else write(to, one, 1);
    });
    write(to, one, 1);
    await received(cv, blocking);
    watcher.cancel();
    return { [IO]: per(BATCH, from) };
  };
}

/** Two streams of the backend. */
function ioStreams(wrap: (fd: number) => ByteStream): Batch {
  const { from: a, to: b } = openPair("socketpair");
  const [reading, writing] = [wrap(a), wrap(b)];
  const count = BATCH / 10;
  const into = new Uint8Array(64);
  return async () => {
    const cv = AE.cv();
    let left = count;
    const from = performance.now();
    const watcher = AE.io(reading, false, () => {
      if (reading.tryRead(into) !== 1) throw new Error("not the byte that was sent");
      if (--left === 0) cv.send();
      else writing.tryWrite(one);
    });
    writing.tryWrite(one);
    await cv.recv();
    watcher.cancel();
    return { [IO]: per(count, from) };
  };
}

function nodeSockets(): Batch {
  const { from: a, to: b } = openPair("socketpair");
  const [reading, writing] = [new Socket({ fd: a }), new Socket({ fd: b })];
  const count = BATCH / 10;
  return async () => {
    const from = performance.now();
    await new Promise<void>((resolve) => {
      let left = count;
      const got = (): void => {
        if (--left > 0) return void writing.write(one);
        reading.removeListener("data", got);
        resolve();
      };
      reading.on("data", got);
      writing.write(one);
    });
    return { [IO]: per(count, from) };
  };
}

function io(backend: string): Batch {
  if (backend === "native") return ioStreams((fd) => ioStream({ fd }));
  if (backend === "pure") {
    return ioStreams((fd) => nodeStream(defaultLoop().env.backend, new Socket({ fd })));
  }
  return ioDescriptor(backend === "ffi");
}

/** The method API's time divided by the function API's, the two taken in turns. */
function ratio(methods: () => void, functions: () => void): Batch {
  return () => {
    let from = performance.now();
    methods();
    const slower = per(BATCH, from);
    from = performance.now();
    functions();
    return { "method API / function API": slower / per(BATCH, from) };
  };
}

function timerRatio(): Batch {
  return ratio(() => {
    for (let i = 0; i < BATCH; i++) AnyEvent.timer({ after: FAR, cb: nothing }).cancel();
  }, () => {
    for (let i = 0; i < BATCH; i++) AE.timer(FAR, 0, nothing).cancel();
  });
}

function ioRatio(): Batch {
  const [stream] = streamPair(defaultLoop().env.backend);
  return ratio(() => {
    for (let i = 0; i < BATCH; i++) AnyEvent.io({ fh: stream, poll: "r", cb: nothing }).cancel();
  }, () => {
    for (let i = 0; i < BATCH; i++) AE.io(stream, false, nothing).cancel();
  });
}

function condvarRatio(): Batch {
  return ratio(() => {
    for (let i = 0; i < BATCH; i++) {
      const cv = kept = AnyEvent.condvar<[number]>();
      cv.send(i);
      cv.recvSync();
    }
  }, () => {
    for (let i = 0; i < BATCH; i++) {
      const cv = kept = AE.cv<[number]>();
      cv.send(i);
      cv.recvSync();
    }
  });
}

const ROWS: Readonly<Record<string, (backend: string) => Batch>> = {
  "condvar-thread": condvarThread,
  "condvar-sync": condvarSync,
  "condvar-await": condvarAwait,
  "timer-create": timerCreate,
  "timer-fire": (backend) => timerFire(backend !== "native"),
  "timer-chain": (backend) => timerChain(backend !== "native"),
  "timer-among-10": () => timerAmong(10),
  "timer-among-10000": () => timerAmong(10_000),
  "timer-among-1000000": () => timerAmong(1_000_000),
  io,
  "ratio-timer": timerRatio,
  "ratio-io": ioRatio,
  "ratio-condvar": condvarRatio,
};

/** What Deno has by itself. */
const HOST_ROWS: Readonly<Record<string, () => Batch>> = {
  "condvar": promise,
  "timer-create": hostTimerCreate,
  "timer-fire": hostTimerFire,
  "timer-among-10": () => hostTimerAmong(10),
  "timer-among-10000": () => hostTimerAmong(10_000),
  "timer-among-1000000": () => hostTimerAmong(1_000_000),
  "io": nodeSockets,
};

const [row, backend, seconds] = Deno.args;
if (backend === "host") await measure(Number(seconds), HOST_ROWS[row]());
else {
  // "ffi-parked" is the same backend beside Deno's own loop, the thread not owned.
  AnyEvent.use(backend.replace("-parked", ""));
  await measure(Number(seconds), ROWS[row](backend));
}
Deno.exit(0);
