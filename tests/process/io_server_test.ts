import assert from "node:assert/strict";
import { Process, runToEnd } from "../support/processes.ts";

/** A folder with a subfolder `out` for the server; gone with the block. */
function makeFolder(): { path: string; out: string } & AsyncDisposable {
  const tmp = new URL("../.tmp/", import.meta.url).pathname;
  Deno.mkdirSync(tmp, { recursive: true });
  const path = Deno.makeTempDirSync({ dir: tmp, prefix: "io_server_" });
  const out = `${path}/out`;
  Deno.mkdirSync(out);
  return { path, out, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Deno lets nobody make links who may write in one folder only. */
async function link(target: string, path: string): Promise<void> {
  const script = "require('node:fs').symlinkSync(...process.argv.slice(1))";
  const { success } = await new Deno.Command("node", { args: ["-e", script, target, path] })
    .output();
  assert(success, `cannot link ${path}`);
}

interface World extends AsyncDisposable {
  readonly server: Process;
  /** What clients need to be told. */
  readonly args: readonly string[];
}

/** A seed, and a server that writes to `folder`. */
async function makeServer(folder: string, ...options: string[]): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const seed = stack.use(new Process("seed.ts", { args: ["--bind", "127.0.0.1:0", "--json"] }));
  const args = ["--json", "--seed", String((await seed.event("ready")).address)];
  const server = stack.use(
    new Process("io_server.ts", { args: [...args, ...options, folder], folder }),
  );
  await server.event("serving");
  const kept = stack.move();
  return { server, args, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

Deno.test("io_server.ts writes interleaved files whole, one at a time", async () => {
  await using folder = makeFolder();
  await using world = await makeServer(folder.out);
  const { server, args } = world;
  await using a = new Process("io_client.ts", { args: [...args, "a.txt"] });
  await server.event("writing", (event) => event.name === "a.txt");
  await using b = new Process("io_client.ts", { args: [...args, "b.txt"] });
  await b.event("sending");
  for (let i = 0; i < 20; i++) {
    await a.write(`a ${i}`);
    await b.write(`b ${i}`);
  }
  // All of b is sent before a is complete, and has to wait.
  await b.closeInput();
  await b.event("sent");
  await a.closeInput();
  for (const client of [a, b]) {
    await client.event("written", (event) => event.bytes === 90);
    assert.equal(await client.end(), 0, client.stderr);
  }
  const order = server.events.filter((event) => "name" in event)
    .map((event) => `${event.event} ${event.name}`);
  assert.deepEqual(order, ["writing a.txt", "wrote a.txt", "writing b.txt", "wrote b.txt"]);
  for (const name of ["a", "b"]) {
    const wanted = Array.from({ length: 20 }, (_, i) => `${name} ${i}\n`).join("");
    assert.equal(await Deno.readTextFile(`${folder.out}/${name}.txt`), wanted);
  }
});

Deno.test("io_server.ts writes nothing outside of its folder", async () => {
  await using folder = makeFolder();
  await Deno.writeTextFile(`${folder.path}/precious.txt`, "precious");
  await link(folder.path, `${folder.out}/up`);
  await link(`${folder.path}/precious.txt`, `${folder.out}/alias`);
  await using world = await makeServer(folder.out);
  const names = ["../new.txt", `${folder.path}/new.txt`, "x/../../new.txt", "", ".", "no/new.txt"];
  const links = ["up/new.txt", "up/precious.txt", "alias", "up"];
  for (const name of ["../precious.txt", ...names, ...links]) {
    const { code, stdout } = await runToEnd("io_client.ts", {
      args: [...world.args, "--", name],
    });
    assert.match(stdout, /"event":"failed".*"reason":\["refused"/, `${name} was not refused`);
    assert.equal(code, 1);
  }
  // It goes on serving.
  const { stdout } = await runToEnd("io_client.ts", { args: [...world.args, "empty.txt"] });
  assert.match(stdout, /"event":"written","name":"empty.txt","bytes":0/);
  assert.deepEqual(
    [...Deno.readDirSync(folder.out)].map((entry) => entry.name).sort(),
    ["alias", "empty.txt", "up"],
  );
  assert.deepEqual(
    [...Deno.readDirSync(folder.path)].map((entry) => entry.name).sort(),
    ["out", "precious.txt"],
  );
  assert.equal(await Deno.readTextFile(`${folder.path}/precious.txt`), "precious");
  assert(!world.server.events.some((event) => event.event === "died"));
});

Deno.test("io_server.ts dies when data does not come in time, and is replaced", async () => {
  await using folder = makeFolder();
  await using world = await makeServer(folder.out, "--timeout", "0.2");
  const { server, args } = world;
  await using slow = new Process("io_client.ts", { args: [...args, "slow.txt"] });
  await slow.write("one line, and no more");
  const { reason } = await slow.event("failed");
  assert.deepEqual((reason as unknown[])[0], "die");
  assert.match(String((reason as unknown[])[1]), /^timeout waiting for data message from anon\//);
  assert.equal(await slow.end(), 1);
  await server.event("died");
  const next = await runToEnd("io_client.ts", { args: [...args, "next.txt"] });
  assert.equal(next.code, 0, next.stderr);
});
