/** `aemp` as real processes, over real sockets. */
import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { Loop } from "@anyevent/loop";
import { Node } from "@anyevent/mp";
import "@anyevent/global";
import manifest from "../../../deno.json" with { type: "json" };

const FOLDER = `tests/.tmp/aemp_process_${Deno.pid}`;
const RC = `${FOLDER}/rc`;

/** A child that runs `aemp`. */
class Child implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly status: Promise<Deno.CommandStatus>;
  readonly errors: Promise<string>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";
  #ended = false;
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;

  constructor(args: readonly string[], options: { readonly stdin?: "piped" | "null" } = {}) {
    const stdin = options.stdin ?? "null";
    this.process = new Deno.Command("deno", {
      args: [
        "run",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-env",
        "--allow-read",
        `--allow-write=${FOLDER}`,
        "global/cli/main.ts",
        ...args,
      ],
      env: { ANYEVENT_MP_RC: RC, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.status = this.process.status.then((status) => {
      this.#ended = true;
      return status;
    });
    this.errors = new Response(this.process.stderr).text();
    this.#lines = this.process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    if (stdin === "piped") this.#input = this.process.stdin.getWriter();
  }

  /** The next line of standard output; `undefined` at its end. */
  async line(): Promise<string | undefined> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#lines.read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** All lines to come, errors and exit code. */
  async end(): Promise<{ lines: string[]; errors: string; code: number }> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      lines.push(line);
    }
    const { code } = await this.status;
    return { lines, errors: await this.errors, code };
  }

  /** Closes its standard input. @param text written before */
  async closeInput(text = ""): Promise<void> {
    const input = this.#input;
    this.#input = undefined;
    if (text !== "") await input?.write(new TextEncoder().encode(text));
    await input?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.process.kill("SIGKILL");
    // The pipe may be broken already.
    await this.closeInput().catch(() => undefined);
    await this.end();
  }
}

/** Runs `aemp` to its end. */
async function aemp(...args: string[]): Promise<{ lines: string[]; errors: string; code: number }> {
  await using child = new Child(args);
  return await child.end();
}

/** A folder with a configuration that has a secret, for the time of one test. */
async function configured(): Promise<AsyncDisposable & { readonly secret: string }> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const { code, lines, errors } = await aemp("gensecret");
  assert.equal(code, 0, errors);
  assert.deepEqual(lines, [`secret stored in ${RC}`]);
  const { secret } = JSON.parse(await Deno.readTextFile(RC));
  return {
    secret,
    [Symbol.asyncDispose]: async () => await Deno.remove(FOLDER, { recursive: true }),
  };
}

/** A seed that is ready. */
async function startSeed(...options: string[]): Promise<{ child: Child; address: string }> {
  const child = new Child(["run", "--json", ...options, "seed", "binds", "127.0.0.1:0"], {
    stdin: "piped",
  });
  const line = await child.line();
  if (line === undefined) throw new Error(`the seed did not start: ${await child.errors}`);
  const ready = JSON.parse(line);
  assert.equal(ready.event, "ready");
  assert.equal(ready.node, "seed");
  assert.equal(ready.listeners.length, 1);
  assert.match(ready.listeners[0], /^127\.0\.0\.1:\d+$/);
  return { child, address: ready.listeners[0] };
}

/** A node of this process that knows a seed. */
async function startNode(
  seed: string,
  secret: string,
): Promise<AsyncDisposable & { readonly node: Node }> {
  const loop = new Loop(nativeEnv());
  const node = new Node({ loop, configFile: {} });
  const up = new Promise<void>((resolve) => {
    node.monNodes((id, up) => {
      if (up && id === "seed") resolve();
    });
  });
  await node.configure({ nodeid: "here", secret, binds: ["127.0.0.1:0"], seeds: [seed] });
  await up;
  return {
    node,
    [Symbol.asyncDispose]: async () => {
      await node.stop();
      loop.dispose();
    },
  };
}

Deno.test("aemp snd and aemp mon reach a node that they find by the seed", async () => {
  await using rc = await configured();
  const { child, address } = await startSeed();
  await using _seed = child;
  await using here = await startNode(address, rc.secret);
  const { node } = here;

  const got = Promise.withResolvers<readonly unknown[]>();
  const port = node.port((...message) => got.resolve(message));
  const sent = await aemp("snd", "--seed", address, port, "hello", "[1,2]");
  assert.deepEqual(sent, { lines: ["message sent successfully"], errors: "", code: 0 });
  assert.deepEqual(await got.promise, ["hello", [1, 2]]);

  const mortal = node.port(() => undefined);
  await using watching = new Child(["mon", "--seed", address, mortal]);
  // When an anonymous node has answered, its request to monitor, sent before, has arrived.
  await new Promise<void>((resolve) => {
    node.monNodes((id, up) => {
      if (up && id.startsWith("anon/")) node.sndOn(id, node.port(() => resolve()));
    });
  });
  node.kil(mortal, "custom", "some text");
  const watched = await watching.end();
  assert.deepEqual(watched, { lines: ["custom some text"], errors: "", code: 0 });
});

Deno.test("aemp run tells of a node that comes and goes, and ends with SIGTERM", async () => {
  await using rc = await configured();
  const { child, address } = await startSeed();
  await using seed = child;
  {
    await using _here = await startNode(address, rc.secret);
    assert.deepEqual(JSON.parse(await seed.line() ?? ""), { event: "up", node: "here" });
  }
  const down = JSON.parse(await seed.line() ?? "");
  assert.equal(down.event, "down");
  assert.equal(down.node, "here");
  seed.process.kill("SIGTERM");
  const { lines, code } = await seed.end();
  assert.deepEqual(lines, []);
  assert.equal(code, 0);
  const status = await seed.status;
  assert.equal(status.signal, null);
});

Deno.test("aemp run ends when its standard input closes and it was told so", async () => {
  await using _rc = await configured();
  const { child } = await startSeed("--exit-with-stdin");
  await using seed = child;
  await seed.closeInput();
  assert.deepEqual(await seed.end(), { lines: [], errors: "", code: 0 });
});

Deno.test("aemp run goes on when its standard input closes and it was not told so", async () => {
  await using rc = await configured();
  const { child, address } = await startSeed();
  await using seed = child;
  await seed.closeInput();
  // It still lets nodes in.
  await using _here = await startNode(address, rc.secret);
  seed.process.kill("SIGINT");
  assert.equal((await seed.end()).code, 0);
});

Deno.test("aemp setsecret reads the first line of standard input", async () => {
  await using _rc = await configured();
  await using child = new Child(["setsecret"], { stdin: "piped" });
  await child.closeInput("geheim7\r\nmore\n");
  const { lines, errors, code } = await child.end();
  assert.deepEqual({ lines, errors, code }, {
    lines: [`secret replaced in ${RC}`],
    errors: "",
    code: 0,
  });
  assert.equal(JSON.parse(await Deno.readTextFile(RC)).secret, "geheim7");
});

Deno.test("aemp returns 2 and one line when it is used wrongly", async () => {
  const { lines, errors, code } = await aemp("gensecrt");
  assert.equal(code, 2);
  assert.deepEqual(lines, []);
  assert.match(errors, /^aemp: .*`gensecrt`.*Did you mean.*`gensecret`.*\n$/);
});

Deno.test("the task aemp gives the permissions that the command says it needs", () => {
  const { command } = manifest.tasks.aemp;
  for (const flag of ["net", "env", "read", "write", "sys=hostname,networkInterfaces"]) {
    assert.match(command, new RegExp(`--allow-${flag}\\b`));
  }
  assert.doesNotMatch(command, /-A\b|--allow-(all|run|ffi)/);
});
