import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { FfiBackend, type FfiBackendOptions } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { loadLibc } from "../../backends/ffi/libc.ts";
import { runDeno } from "../support/run_deno.ts";
import {
  close,
  dup,
  dup2,
  here,
  openDescriptors,
  openFile,
  pipe,
  read,
  waitsOver,
  write,
} from "./ffi_support.ts";

/** A test on a backend of its own, after which nothing may be left. */
function test(
  name: string,
  body: (backend: FfiBackend, faults: unknown[]) => Promise<void> | void,
  options: FfiBackendOptions = {},
): void {
  Deno.test({
    name,
    ignore: !here,
    async fn() {
      const faults: unknown[] = [];
      const backend = new FfiBackend({ onError: (thrown) => void faults.push(thrown), ...options });
      const before = openDescriptors();
      backend.hold(true);
      await body(backend, faults);
      backend.hold(false);
      await new Promise<void>((resolve) => backend.post(resolve));
      const { timers, ios, children, signals } = backend.stats();
      assert.deepEqual({ timers, ios, children, signals }, {
        timers: 0,
        ios: 0,
        children: 0,
        signals: 0,
      });
      await waitsOver();
      assert.equal(openDescriptors(), before, "descriptors");
      assert.deepEqual(faults, []);
    },
  });
}

const LIMIT_SECONDS = 10;

/** Resolves with what `start` is given; fails after a while. */
function until<T = void>(
  backend: FfiBackend,
  start: (done: (value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const undo = backend.timer(LIMIT_SECONDS, () => reject(new Error("nothing came")));
    start((value) => {
      undo();
      resolve(value);
    });
  });
}

test("io() watches a pipe by the numbers of its ends", async (backend) => {
  const [from, to] = pipe();
  assert.equal(backend.accepts(from), true);
  const log: string[] = [];
  const undoWrite = backend.io(to, "w", () => {
    undoWrite();
    write(to, "hello");
  });
  await until(backend, (done) => {
    const undo = backend.io(from, "r", () => {
      log.push(read(from));
      undo();
      done();
    });
  });
  close(to);
  // End of file is readable.
  await until(backend, (done) => {
    const undo = backend.io(from, "r", () => {
      log.push(read(from));
      undo();
      done();
    });
  });
  close(from);
  assert.deepEqual(log, ["hello", ""]);
});

test("io() refuses numbers that are no open descriptors, saying why", (backend) => {
  assert.throws(() => backend.io(9999, "r", () => {}), {
    name: "UsageError",
    message: /^Cannot watch descriptor 9999: it is not open \(EBADF\)$/,
  });
  for (const wrong of [-1, 1.5, NaN, 2 ** 31, "3", {}, undefined]) {
    assert.equal(backend.accepts(wrong), false);
    assert.throws(() => backend.io(wrong, "r", () => {}), UsageError);
  }
});

test("io() calls in every turn for a file, which has no readiness", async (backend) => {
  const fd = openFile(new URL(import.meta.url).pathname);
  let calls = 0;
  await until(backend, (done) => {
    const undo = backend.io(fd, "r", () => {
      if (++calls < 3) return;
      undo();
      done();
    });
  });
  close(fd);
});

test(
  "a descriptor closed under its watchers is reported, and they are told",
  async (backend, faults) => {
    const [from, to] = pipe();
    const log: string[] = [];
    await until(backend, (done) => {
      backend.io(from, "r", () => log.push("called"), () => log.push("closed"));
      backend.io(from, "r", () => log.push("called"), () => (log.push("closed too"), done()));
      close(from);
    });
    assert.deepEqual(log, ["closed", "closed too"]);
    const [error] = faults.splice(0);
    assert(error instanceof UsageError);
    assert.match(error.message, /descriptor \d+ any more: it was closed while it was watched/);
    close(to);
  },
);

test(
  "a number used again for another file is not taken for the watched one",
  async (backend, faults) => {
    const [from, to] = pipe();
    const [otherFrom, otherTo] = pipe();
    const log: string[] = [];
    backend.io(from, "r", () => log.push("old"), () => log.push("closed"));
    dup2(otherFrom, from);
    write(otherTo, "for the new one");
    await until(backend, (done) => {
      const undo = backend.io(from, "r", () => {
        log.push(read(from));
        undo();
        done();
      });
    });
    assert.deepEqual(log, ["closed", "for the new one"]);
    assert.equal(faults.splice(0).length, 1);
    close(from, to, otherFrom, otherTo);
  },
);

test(
  "a closed descriptor whose file lives on under another number disturbs nobody",
  async (backend, faults) => {
    const [from, to] = pipe();
    const [otherFrom, otherTo] = pipe();
    const copy = dup(from);
    let calls = 0;
    const undo = backend.io(from, "r", () => void calls++);
    // The system goes on telling of the file under the number that is closed.
    close(from);
    undo();
    write(to, "x");
    await until(backend, (done) => {
      const undoOther = backend.io(otherFrom, "r", () => {
        undoOther();
        done();
      });
      backend.timer(0.01, () => write(otherTo, "y"));
    });
    assert.equal(calls, 0);
    assert.deepEqual(faults, []);
    close(copy, to, otherFrom, otherTo);
  },
);

test("runUntil() blocks on descriptors and timers, whichever comes first", (backend) => {
  const [from, to] = pipe();
  const log: string[] = [];
  const undo = backend.io(from, "r", () => log.push(read(from)));
  const began = backend.now();
  backend.timer(0.02, () => write(to, "written"));
  backend.runUntil(() => log.length > 0);
  assert.deepEqual(log, ["written"]);
  assert(backend.now() - began >= 0.02);
  undo();
  close(from, to);
});

test("runUntil() with busy polling does the same", (backend) => {
  const [from, to] = pipe();
  let rounds = 0;
  const undo = backend.io(from, "r", () => {
    read(from);
    if (++rounds < 100) backend.timer(0.0001, () => write(to, "again"));
  });
  write(to, "first");
  backend.runUntil(() => rounds === 100);
  undo();
  close(from, to);
}, { spin: 0.001 });

test("runOnce() refuses to block for ever", (backend) => {
  assert.throws(() => backend.runOnce(), {
    name: "DeadlockError",
    message: /\(the blocked thread\); only timers and descriptors of the ffi backend could$/,
  });
});

test("runUntil() may be called in a callback, and the turn around it goes on", async (backend) => {
  const [from, to] = pipe();
  const log: string[] = [];
  await until(backend, (done) => {
    backend.post(() => {
      const undo = backend.io(from, "r", () => log.push(read(from)));
      write(to, "inner");
      backend.runUntil(() => log.length > 0);
      undo();
    });
    backend.post(() => (log.push("outer"), done()));
  });
  assert.deepEqual(log.sort(), ["inner", "outer"]);
  close(from, to);
});

test("timers are exact to a millisecond while descriptors are watched", async (backend) => {
  const [from, to] = pipe();
  const undo = backend.io(from, "r", () => {});
  const lateness: number[] = [];
  for (let i = 0; i < 20; i++) {
    const due = backend.now() + 0.002;
    await until(backend, (done) => backend.timer(0.002, done));
    lateness.push(backend.now() - due);
  }
  undo();
  close(from, to);
  assert(lateness.every((each) => each >= 0));
  // Not the worst of them: other programs have the processor too.
  assert(Math.min(...lateness) < 0.001, `late by ${lateness}`);
});

test("without hold it still calls, for as long as something else keeps the process", async (backend) => {
  const [from, to] = pipe();
  backend.hold(false);
  const { backend: other } = nativeEnv();
  other.hold(true);
  await new Promise<void>((resolve) => {
    const undo = backend.io(from, "r", () => {
      undo();
      resolve();
    });
    write(to, "x");
  });
  await new Promise<void>((resolve) => void backend.timer(0.005, resolve));
  other.hold(false);
  close(from, to);
});

test("child() tells of any process by its pid", async (backend) => {
  const child = new Deno.Command("deno", {
    args: ["eval", "--no-config", "setInterval(() => {}, 1000)"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = until<{ pid: number; status: number }>(backend, (done) => {
    backend.child(child.pid, done);
  });
  child.kill("SIGKILL");
  const { pid, status } = await ended;
  assert.equal(pid, child.pid);
  // The host may have taken the status first.
  assert([9, -1].includes(status), `status ${status}`);
  await child.status;
  const gone = await until<{ status: number }>(backend, (done) => backend.child(pid, done));
  assert.equal(gone.status, -1);
  assert.throws(() => backend.child(-5, () => {}), UsageError);
});

test("dispose() undoes everything, also while it waits for events", async (backend) => {
  const [from, to] = pipe();
  const log: string[] = [];
  backend.io(from, "r", () => log.push("called"));
  await until(backend, (done) => backend.timer(0.005, done));
  backend.dispose();
  write(to, "x");
  backend.hold(true);
  await until(backend, (done) => backend.timer(0.005, done));
  assert.deepEqual(log, []);
  close(from, to);
});

Deno.test("many backends share one waiting call", { ignore: !here }, async () => {
  const count = 100;
  const pipes = Array.from({ length: count }, () => pipe());
  const backends = pipes.map(() => new FfiBackend());
  const called = pipes.map(([from], i) =>
    new Promise<void>((resolve) => {
      const backend = backends[i];
      backend.hold(true);
      const undo = backend.io(from, "r", () => {
        undo();
        backend.hold(false);
        resolve();
      });
    })
  );
  // With a waiting call each, the pool that reads files would have no thread left.
  await new Promise((resolve) => setTimeout(resolve, 5));
  await Deno.readTextFile(new URL(import.meta.url));
  for (const [, to] of pipes) write(to, "x");
  await Promise.all(called);
  close(...pipes.flat());
});

Deno.test("FfiBackend() refuses a spin that is no number of seconds", { ignore: !here }, () => {
  for (const spin of [-1, NaN, "1"]) {
    assert.throws(() => new FfiBackend({ spin: spin as number }), UsageError);
  }
});

const host = { os: "linux", arch: "x86_64", granted: () => true, open: Deno.dlopen };

Deno.test("loadLibc() says what is missing: Linux, the permission, the library", () => {
  assert.throws(() => loadLibc({ ...host, os: "darwin" }), /^UsageError: .*needs Linux.* darwin/);
  assert.throws(() => loadLibc({ ...host, granted: () => false }), {
    name: "UsageError",
    message:
      /not permitted \(--allow-ffi, or --allow-ffi=\/usr\/lib\/x86_64-linux-gnu\/libc\.so\.6/,
  });
  const open = (path: string | URL): never => {
    throw new Error(`no ${path}`);
  };
  assert.throws(() => loadLibc({ ...host, open }), {
    name: "UsageError",
    message: /found no C library it may open \(.*libc\.so\.6: no .*libc\.so\.6/,
  });
});

for (
  const [allow, expected] of [[[], "refused"], [["--allow-ffi"], "hello"], [
    ["scoped"],
    "hello",
  ]] as const
) {
  const title = allow.length === 0 ? "no permission" : `${allow[0]} permission`;
  Deno.test(`a program with ${title} ${expected === "hello" ? "runs" : "is told so"}`, {
    ignore: !here,
  }, async () => {
    const path = `/usr/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
    if (allow[0] === "scoped" && !await Deno.stat(path).then(() => true, () => false)) return;
    const flags = allow.map((each) => each === "scoped" ? `--allow-ffi=${path}` : each);
    const ran = await runDeno("tests/backends/ffi_program.ts", ["talk"], { allow: flags });
    assert.equal(ran.out.trim(), expected, ran.err);
    assert.equal(ran.code, 0);
  });
}

for (const [what, expected] of [["held", "timer\n"], ["not-held", ""], ["listening", ""]]) {
  Deno.test(`a process that is ${what} ends when it should`, { ignore: !here }, async () => {
    const ran = await runDeno("tests/backends/ffi_program.ts", [what], { allow: ["--allow-ffi"] });
    assert.deepEqual([ran.code, ran.out], [0, expected], ran.err);
  });
}
