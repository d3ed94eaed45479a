import assert from "node:assert/strict";

const BACKENDS = Deno.build.os === "linux"
  ? ["native", "pure", "ffi", "sim"]
  : ["native", "pure", "sim"];

interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(...args: string[]): Promise<Done> {
  return runWith({}, ...args);
}

async function runWith(env: Record<string, string>, ...args: string[]): Promise<Done> {
  const done = await new Deno.Command("deno", {
    args,
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder();
  return { code: done.code, out: text.decode(done.stdout), err: text.decode(done.stderr) };
}

function program(name: string): string {
  return new URL(`programs/${name}.ts`, import.meta.url).pathname;
}

for (const backend of BACKENDS) {
  const env = { ANYEVENT_BACKEND: backend };

  Deno.test(`${backend}: await recv() with nothing left raises DeadlockError, which can be caught`, async () => {
    const { code, out, err } = await runWith(env, "run", "--no-check", "-A", program("deadlock"));
    assert.match(out, /^DeadlockError: Cannot wake what waits: .*\(condvar\.recv\(\)\)\n$/);
    assert.equal(code, 1);
    assert.match(err, /DeadlockError: .*\(condvar\.recvAll\(\)\)/);
  });

  Deno.test(`${backend}: a user's test stays clean for each kind of watcher`, async () => {
    const args = ["test", "--no-check", "--trace-leaks", "-A", program("kinds_checked")];
    const { code, out, err } = await runWith(env, ...args);
    assert.equal(code, 0, out + err);
    assert.match(out, /9 passed/);
  });

  if (backend === "sim") continue;

  Deno.test(`${backend}: what is unref'd, signals, listeners and what ended keep no process alive`, async () => {
    const { code, out, err } = await runWith(
      env,
      "run",
      "--no-check",
      "-A",
      program("keeps"),
      "nothing",
    );
    assert.deepEqual([code, out], [0, "end of main\n"], err);
  });

  Deno.test(`${backend}: each kind of watcher alone keeps the process alive`, async () => {
    const { code, out, err } = await runWith(
      env,
      "run",
      "--no-check",
      "-A",
      program("keeps"),
      "each",
    );
    const kinds = ["timer", "idle", "postpone", "io", "child", "signal that is ref'd"];
    assert.deepEqual([code, out], [0, kinds.map((kind) => `${kind} true\n`).join("")], err);
  });

  Deno.test(`${backend}: the last watcher of a signal gives back its default action`, async () => {
    const { code, out } = await runWith(env, "run", "--no-check", "-A", program("keeps"), "signal");
    assert.deepEqual([code, out], [128 + 15, "caught\ncaught\n"]);
  });
}

for (const backend of BACKENDS.filter((name) => name === "native" || name === "ffi")) {
  Deno.test(`${backend}: a server out of descriptors is told, waits, and serves again`, {
    ignore: Deno.build.os !== "linux",
  }, async () => {
    const env = { ANYEVENT_BACKEND: backend };
    const { code, out, err } = await runWith(
      env,
      "run",
      "--no-check",
      "-A",
      program("descriptors"),
    );
    assert.deepEqual([code, out], [
      0,
      "served afterwards 5\ntold true EMFILE\n" +
      'left {"streams":0,"listeners":0,"attempts":0}\n',
    ], err);
  });
}

Deno.test("a deadlock at the top level of a module does not end the process silently", async () => {
  const { code, err } = await run("run", "--no-check", program("deadlock"), "top");
  assert.equal(code, 1);
  assert.match(err, /DeadlockError|Top-level await promise never resolved/);
});

Deno.test("timers and idle keep the process alive, signals and what is unref'd do not", async () => {
  const { code, out, err } = await run("run", "--no-check", program("alive"));
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.deepEqual(out.trim().split("\n").toSorted(), ["idle", "timer"]);
});

Deno.test("a user's test stays clean after cancel() of each kind of watcher", async () => {
  const args = ["test", "--no-check", "--trace-leaks", "-A", program("leak_checked"), "--"];
  const clean = await run(...args);
  assert.equal(clean.code, 0, clean.out + clean.err);
  assert.match(clean.out, /7 passed/);
});

Deno.test("a user's test finds a watcher that was not cancelled", async () => {
  for (const kind of ["timer", "signal"]) {
    const leaky = await run("test", "--no-check", "-A", program("leak_checked"), "--", kind);
    assert.notEqual(leaky.code, 0, `${kind}: ${leaky.out}`);
    assert.match(leaky.out, /Leaks detected/);
  }
});

Deno.test("ANYEVENT_BACKEND chooses the default loop's backend, and is not asked for by force", async () => {
  const code = `import { AE, AnyEvent } from "@anyevent/loop";
    const cv = AE.cv();
    AE.timer(0.001, 0, () => cv.send(AnyEvent.MODEL));
    console.log(await cv.recv());`;
  const env = { ANYEVENT_BACKEND: "pure" };
  const permitted = ["eval", "--no-check", code];
  assert.equal((await run(...permitted)).out, "native\n");
  assert.equal((await runWith(env, ...permitted)).out, "pure\n");
  const wrong = await runWith({ ANYEVENT_BACKEND: "nonesuch" }, ...permitted);
  assert.match(wrong.err, /UsageError: Cannot use backend "nonesuch": .*only native, pure/);
  const denied = await runWith(env, "run", "--no-prompt", "--no-check", program("alive"));
  assert.equal(denied.code, 0, denied.err);
});

Deno.test("importing the package asks the host for nothing", async () => {
  const { code, out, err } = await run(
    "eval",
    "--no-check",
    // The host itself looks at things when it loads a CommonJS package: only our own modules count.
    `const before = new Set();
     const note = (name) => /\\/(backends|loop)\\//.test(new Error().stack) && before.add(name);
     const spy = new Proxy(Deno, { get: (host, key) => (note(key), Reflect.get(host, key)) });
     const target = globalThis;
     Object.defineProperty(target, "Deno", { value: spy, configurable: true });
     for (const name of ["setTimeout", "setInterval", "setImmediate", "addEventListener"]) {
       const real = target[name];
       target[name] = (...args) => (note(name), real.apply(target, args));
     }
     const { AnyEvent } = await import("@anyevent/loop");
     const imported = JSON.stringify([...before]);
     AnyEvent.now();
     console.log(imported, before.size > 0, AnyEvent.MODEL);`,
  );
  assert.equal(code, 0, err);
  assert.equal(out, "[] true native\n");
});

Deno.test("a user's test stays clean after io watchers are cancelled in any state", async () => {
  for (const backend of BACKENDS) {
    const args = ["test", "--no-check", "--trace-leaks", "-A", program("io_leaks")];
    // A child's pipe is taken over by `ioStream`, which is of the native backend.
    if (backend === "ffi" || backend === "sim") args.push("--filter", "/tcp|memory/");
    const clean = await runWith({ ANYEVENT_BACKEND: backend }, ...args);
    assert.equal(clean.code, 0, backend + clean.out + clean.err);
    assert.match(clean.out, args.includes("--filter") ? /12 passed/ : /13 passed/);
  }
});

Deno.test("DeadlockError is raised also when no loop existed before the await", async () => {
  for (const late of ["", "setTimeout(() => AE.now(), 5);"]) {
    const { code, out, err } = await run(
      "eval",
      "--no-check",
      `import { AE, CondVar } from "@anyevent/loop";
      ${late}
      const wait = async () => await new CondVar().recv();
      wait().catch((error) => console.log(String(error), typeof AE));`,
    );
    assert.match(out, /^DeadlockError: .*condvar\.recv\(\)/, err);
    assert.equal(code, 0);
  }
});

Deno.test("an await before there is any loop makes no choice of the backend", async () => {
  const { out, err } = await run(
    "eval",
    "--no-check",
    `import { AnyEvent, CondVar } from "@anyevent/loop";
    const cv = new CondVar();
    cv.recv().then((value) => console.log(value, AnyEvent.MODEL));
    await 0;
    AnyEvent.use("pure");
    AnyEvent.detect();
    cv.send(1);`,
  );
  assert.equal(out, "1 pure\n", err);
});

Deno.test("the rejection of an async callback of a condvar without a loop ends nothing", async () => {
  const { code, out, err } = await run(
    "eval",
    "--no-check",
    `import { AE, CondVar } from "@anyevent/loop";
    new CondVar(async () => { throw new Error("mine") }).send();
    AE.timer(0.01, 0, () => console.log("goes on"));`,
  );
  assert.deepEqual([code, out], [0, "goes on\n"], err);
  assert.match(err, /callback of condvar failed: Error: mine/);
});

Deno.test("a stream closed under its watchers lets the process end", async () => {
  for (const backend of BACKENDS) {
    const done = await runWith(
      { ANYEVENT_BACKEND: backend },
      "run",
      "-A",
      "--no-check",
      program("closed_under"),
    );
    assert.deepEqual([done.code, done.out], [0, "false false 0\n".repeat(3)], done.err);
  }
});

Deno.test("a watcher of pid 0 hears of registered children, and waits for no others", async () => {
  const { code, out, err } = await run("run", "-A", "--no-check", program("any_child"));
  assert.deepEqual([code, out], [0, "held 0\nheld 1\n768\n1024\nheld 0\n"], err);
});
