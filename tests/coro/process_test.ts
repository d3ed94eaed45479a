import assert from "node:assert/strict";

/** Runs a program that imports the package as users do. @returns exit status and output */
async function run(program: string): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command("deno", {
    args: ["run", "--no-check", "--quiet", "--allow-ffi", "--ext=ts", "-"],
    cwd: new URL(".", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

for (const backend of ["native", "pure", ...(Deno.build.os === "linux" ? ["ffi"] : []), "sim"]) {
  Deno.test(`${backend}: an uncaught error in a thread ends the program with status 1, its line and the error`, async () => {
    const { code, out, err } = await run(`
      import { async, defaultScheduler, sleep } from "@anyevent/coro";
      import { AnyEvent } from "@anyevent/loop";
      AnyEvent.use("${backend}");
      defaultScheduler().spawn(function* () {
        yield* sleep(0.001);
        throw new Error("nobody joins");
      }, { desc: "worker" });
      async(function* () {
        yield* sleep(0.1);
        console.log("never");
      });
      console.log("begun");
    `);
    assert.equal(code, 1, err);
    assert.equal(out, "begun\n");
    assert.match(err, /uncaught error in thread 1 U 2 worker/);
    assert.match(err, /nobody joins/);
  });
}

Deno.test("an error of a pool thread is logged and does not end the program", async () => {
  const { code, out, err } = await run(`
    import { asyncPool, sleep } from "@anyevent/coro";
    asyncPool(function* () {
      yield* sleep(0.001);
      throw new Error("in the pool");
    });
    await sleep(0.01);
    console.log("end");
  `);
  assert.deepEqual([code, out], [0, "end\n"], err);
  assert.match(err, /in the pool/);
});

Deno.test("with onUncaught set the other threads of a program go on", async () => {
  const { code, out, err } = await run(`
    import { async, defaultScheduler, sleep } from "@anyevent/coro";
    defaultScheduler().onUncaught = (error) => console.log(error.message);
    async(function* () {
      throw new Error("taken");
    });
    const other = async(function* () {
      yield* sleep(0.001);
      console.log("other");
    });
    await other.join();
  `);
  assert.deepEqual([code, out], [0, "taken\nother\n"], err);
});

Deno.test("a program whose main waits for what cannot come is told what it waits for", async () => {
  const { code, out, err } = await run(`
    import { async, Semaphore } from "@anyevent/coro";
    const lock = new Semaphore(0);
    const thread = async(function* () {
      yield* lock.down();
    });
    thread.desc = "worker";
    // Deno reports a top-level await that hangs by itself, before anyone else can.
    (async () => {
      try {
        await thread.join();
      } catch (error) {
        console.log(error.name, error.waiting.join("; "));
      }
      await lock.down();
    })();
  `);
  assert.equal(out, "DeadlockError join(worker); thread worker waits for semaphore.down()\n", err);
  assert.equal(code, 1, err);
  assert.match(err, /DeadlockError.*semaphore\.down\(\)/);
});

Deno.test("a program ends when main has, although threads are blocked", async () => {
  const { code, out, err } = await run(`
    import { async, cede, schedule } from "@anyevent/coro";
    async(function* () {
      yield* schedule();
      console.log("never");
    });
    await cede();
    console.log("end");
  `);
  assert.deepEqual([code, out], [0, "end\n"], err);
});

Deno.test("threads and timers share the time of a program that cedes without end", async () => {
  const { code, out, err } = await run(`
    import { async, cede, sleep } from "@anyevent/coro";
    let stop = false;
    const spin = async(function* () {
      while (!stop) yield* cede();
    });
    await sleep(0.02);
    stop = true;
    await spin.join();
    console.log("end");
  `);
  assert.deepEqual([code, out], [0, "end\n"], err);
});

Deno.test("an await that begins before there is any thread has its turn among those that come", async () => {
  const { code, out, err } = await run(`
    import { async, cede, Semaphore } from "@anyevent/coro";
    const s = new Semaphore(0);
    async function f() {
      await s.down();
      console.log("main");
    }
    f();
    setTimeout(() => {
      async(function* () {
        console.log("t0");
        s.up();
        for (let i = 1; i <= 3; i++) {
          yield* cede();
          console.log("t" + i);
        }
      });
    }, 20);
  `);
  assert.deepEqual(
    [code, out.split("\n").slice(0, -1)],
    [0, ["t0", "main", "t1", "t2", "t3"]],
    err,
  );
});

Deno.test("import of the package asks the host for nothing and chooses no backend", async () => {
  const { code, out, err } = await run(`
    for (const name of ["setTimeout", "setImmediate", "setInterval", "queueMicrotask"]) {
      globalThis[name] = () => console.log(name);
    }
    await import("@anyevent/coro");
    const { AnyEvent } = await import("@anyevent/loop");
    console.log(AnyEvent.MODEL);
    AnyEvent.use("pure");
    console.log(AnyEvent.detect());
  `);
  assert.deepEqual([code, out], [0, "undefined\npure\n"], err);
});

Deno.test("a clean-up that blocks on cancel() is logged, and the program goes on", async () => {
  const { code, out, err } = await run(`
    import { async, cede, Channel, schedule } from "@anyevent/coro";
    const channel = new Channel(1);
    const thread = async(function* () {
      try {
        yield* schedule();
      } finally {
        yield* channel.put(1);
      }
    });
    thread.desc = "worker";
    await cede();
    thread.cancel("values");
    console.log(await thread.join());
  `);
  assert.deepEqual([code, out], [0, '[ "values" ]\n'], err);
  assert.match(err, /clean-up of thread worker failed: .*Cannot block/);
});
