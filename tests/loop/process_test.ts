import assert from "node:assert/strict";

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

Deno.test("await recv() with nothing left raises DeadlockError, which can be caught", async () => {
  const { code, out, err } = await run("run", "--no-check", program("deadlock"));
  assert.match(out, /^DeadlockError: Cannot wake what waits: .*\(condvar\.recv\(\)\)\n$/);
  assert.equal(code, 1);
  assert.match(err, /DeadlockError: .*\(condvar\.recvAll\(\)\)/);
});

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
    `const before = new Set();
     const spy = new Proxy(Deno, { get: (host, key) => (before.add(key), Reflect.get(host, key)) });
     const target = globalThis;
     Object.defineProperty(target, "Deno", { value: spy, configurable: true });
     for (const name of ["setTimeout", "setInterval", "setImmediate", "addEventListener"]) {
       const real = target[name];
       target[name] = (...args) => (before.add(name), real.apply(target, args));
     }
     const { AnyEvent } = await import("@anyevent/loop");
     console.log(JSON.stringify([...before]), AnyEvent.MODEL, AnyEvent.detect());`,
  );
  assert.equal(code, 0, err);
  assert.equal(out, "[] undefined native\n");
});
