/** `run`, `snd` and `mon` in virtual time, over a network in memory. */
import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { main } from "@anyevent/global/cli";
import "@anyevent/global";
import type { Node } from "@anyevent/mp";
import { Mesh } from "../../support/mesh.ts";
import { FakeTerminal, RC, withFiles } from "./support.ts";

const SEED = "10.0.0.1:4040";
const CONFIG = JSON.stringify({ secret: "geheim", seeds: [SEED] });

/** A command that runs. */
class Running {
  readonly terminal = new FakeTerminal();
  readonly done: Promise<number>;
  code: number | undefined;

  constructor(mesh: Mesh, args: readonly string[], config = CONFIG, variables = {}) {
    const env: Env = withFiles(mesh.env, new Map([[RC, config]]), variables);
    this.done = main(args, env, this.terminal).then((code) => this.code = code);
  }

  get events(): Record<string, unknown>[] {
    return this.terminal.printed.map((line) => JSON.parse(line));
  }
}

async function seed(mesh: Mesh): Promise<Node> {
  return await mesh.node("seed", { binds: [SEED] });
}

function nothingLeft(mesh: Mesh): void {
  assert.equal(mesh.env.backend.held, false);
  assert.deepEqual(mesh.env.backend.thrown, []);
}

Deno.test("snd delivers the message, JSON decoded, and says so", async () => {
  await using mesh = new Mesh();
  const node = await seed(mesh);
  const got: unknown[] = [];
  const port = node.port((...message) => void got.push(message));
  const command = new Running(mesh, ["snd", port, "hello", "7", "[1,2]", '{"a":"b"}', '"7"']);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.deepEqual(command.terminal.printed, ["message sent successfully"]);
  assert.deepEqual(command.terminal.errors, []);
  assert.deepEqual(got, [["hello", "7", [1, 2], { a: "b" }, "7"]]);
});

Deno.test("snd takes what follows -- as it is", async () => {
  await using mesh = new Mesh();
  const node = await seed(mesh);
  const got: unknown[] = [];
  const port = node.port((...message) => void got.push(message));
  const command = new Running(mesh, ["snd", port, "--", "--json", "-1"]);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.deepEqual(got, [["--json", "-1"]]);
});

Deno.test("snd reaches a node that it learns of from the seed", async () => {
  await using mesh = new Mesh();
  const first = await seed(mesh);
  const other = await mesh.node("other", { binds: ["10.0.0.2:1"], seeds: [SEED] });
  await mesh.until(() => first.nodeIsUp("other") === true);
  const got: unknown[] = [];
  const port = other.port((...message) => void got.push(message));
  const command = new Running(mesh, ["snd", port, "hello"]);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.deepEqual(got, [["hello"]]);
});

Deno.test("snd fails after 5 seconds, and says what is wrong with the connection", async () => {
  await using mesh = new Mesh();
  const start = mesh.env.backend.now();
  const command = new Running(mesh, ["snd", "nobody#x", "hello"]);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 1);
  assert.deepEqual(command.terminal.printed, []);
  assert.equal(command.terminal.errors.length, 1);
  assert.match(
    command.terminal.errors[0],
    /^aemp: Cannot send to nobody#x: no answer within 5 s \(10\.0\.0\.1:4040 .+\)$/,
  );
  const took = mesh.env.backend.now() - start;
  assert.ok(took >= 5 && took < 6, `took ${took}`);
  nothingLeft(mesh);
});

Deno.test("snd takes seeds and secret from the command line when they are given", async () => {
  await using mesh = new Mesh();
  const node = await seed(mesh);
  const config = JSON.stringify({ secret: "wrong", seeds: ["10.0.0.9:1"], nodeid: "seed" });
  const args = ["snd", node.id, "devnull", "--seed", SEED, "--secret-env", "MY_SECRET"];
  const command = new Running(mesh, args, config, { MY_SECRET: "geheim" });
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
});

Deno.test("snd fails when the secret is wrong, and shows no secret", async () => {
  await using mesh = new Mesh();
  const node = await seed(mesh);
  const config = JSON.stringify({ secret: "falsch7", seeds: [SEED] });
  const command = new Running(mesh, ["snd", node.id, "devnull"], config);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 1);
  assert.ok(!/falsch7|geheim/.test(command.terminal.all));
});

Deno.test("snd uses neither the addresses nor the id of the configured node", async () => {
  await using mesh = new Mesh();
  const node = await seed(mesh);
  const ids: string[] = [];
  node.monNodes((id, up) => void (up && ids.push(id)));
  const config = JSON.stringify({ secret: "geheim", seeds: [SEED], nodeid: "seed", binds: [SEED] });
  const command = new Running(mesh, ["snd", "seed", "devnull"], config);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.equal(ids.length, 1);
  assert.match(ids[0], /^anon\//);
});

/** A port, and a command that monitors it by now. */
async function monitored(mesh: Mesh): Promise<{ node: Node; port: string; command: Running }> {
  const node = await seed(mesh);
  const port = node.port(() => undefined);
  let known = false;
  node.monNodes((id, up) => {
    // Its request to monitor leaves when the connection opens, so before its answer to this.
    if (up) node.sndOn(id, node.port(() => known = true));
  });
  const command = new Running(mesh, ["mon", port]);
  await mesh.until(() => known);
  assert.equal(command.code, undefined);
  return { node, port, command };
}

Deno.test("mon prints the reason when the port dies", async () => {
  await using mesh = new Mesh();
  const { node, port, command } = await monitored(mesh);
  node.kil(port, "custom", "some text", 7, { a: 1 });
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.deepEqual(command.terminal.printed, ['custom some text 7 {"a":1}']);
});

Deno.test("mon prints an empty line when the port ends normally", async () => {
  await using mesh = new Mesh();
  const { node, port, command } = await monitored(mesh);
  node.kil(port);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0);
  assert.deepEqual(command.terminal.printed, [""]);
});

Deno.test("mon prints shutdown when the node of the port stops", async () => {
  await using mesh = new Mesh();
  const { node, command } = await monitored(mesh);
  await mesh.run(node.stop());
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0);
  assert.deepEqual(command.terminal.printed, ["shutdown"]);
});

Deno.test("mon prints transport_error when the connection breaks", async () => {
  await using mesh = new Mesh();
  const { command } = await monitored(mesh);
  assert.ok(mesh.net.sever() > 0);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0);
  assert.match(command.terminal.printed[0], /^transport_error seed ./);
});

Deno.test("mon prints no_such_port when there is no such port", async () => {
  await using mesh = new Mesh();
  await seed(mesh);
  const command = new Running(mesh, ["mon", "seed#nope"]);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0);
  assert.match(command.terminal.printed[0], /^no_such_port /);
});

Deno.test("mon fails when the node of the port is never reached", async () => {
  await using mesh = new Mesh();
  const command = new Running(mesh, ["mon", "nobody#x"]);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 1);
  assert.match(command.terminal.errors[0], /^aemp: Cannot monitor nobody#x: transport_error/);
  nothingLeft(mesh);
});

const RUN = JSON.stringify({
  secret: "geheim",
  profile: { seed: { binds: [SEED] } },
});

Deno.test("run says when it is ready, and ends cleanly with SIGTERM", async () => {
  await using mesh = new Mesh();
  const command = new Running(mesh, ["run", "seed"], RUN);
  await mesh.until(() => command.terminal.printed.length > 0);
  assert.deepEqual(command.terminal.printed, [`node seed listens on [${SEED}]`]);
  assert.equal(mesh.env.backend.held, true);
  mesh.env.backend.raise("TERM");
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.deepEqual(command.terminal.errors, []);
  assert.equal(mesh.env.backend.stats().signals, 0);
  assert.equal(mesh.net.stats().listeners, 0);
  nothingLeft(mesh);
});

Deno.test("run prints ready, up and down as JSON when given --json", async () => {
  await using mesh = new Mesh();
  const command = new Running(mesh, ["run", "--json", "seed", "nodeid", "n1"], RUN);
  await mesh.until(() => command.events.length > 0);
  const other = await mesh.node("other", { seeds: [SEED] });
  await mesh.until(() => command.events.length > 1);
  await mesh.run(other.stop());
  await mesh.until(() => command.events.length > 2);
  mesh.env.backend.raise("INT");
  await mesh.until(() => command.code !== undefined);
  const [ready, up, down, ...more] = command.events;
  assert.deepEqual(ready, { event: "ready", node: "n1", listeners: [SEED] });
  assert.deepEqual(up, { event: "up", node: "other" });
  assert.equal(down.event, "down");
  assert.equal(down.node, "other");
  assert.ok(Array.isArray(down.reason) && down.reason[0] === "transport_error");
  assert.deepEqual(more, []);
});

Deno.test("run ends when standard input closes and it was given --exit-with-stdin", async () => {
  await using mesh = new Mesh();
  const command = new Running(mesh, ["run", "--exit-with-stdin", "seed"], RUN);
  await mesh.until(() => command.terminal.printed.length > 0);
  command.terminal.input.resolve();
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  nothingLeft(mesh);
});

Deno.test("run fails at once when it cannot bind", async () => {
  await using mesh = new Mesh();
  await seed(mesh);
  const command = new Running(mesh, ["run", "seed"], RUN);
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 1);
  assert.equal(command.terminal.errors.length, 1);
  assert.match(command.terminal.errors[0], /^aemp: Cannot .*10\.0\.0\.1:4040/);
  assert.deepEqual(command.terminal.printed, []);
  assert.equal(mesh.env.backend.stats().signals, 0);
});

Deno.test("run warns when a secret is among its arguments, and does not show it", async () => {
  await using mesh = new Mesh();
  const command = new Running(
    mesh,
    ["run", "--json", "x", "secret", "geheim7", "binds", "[]"],
    "{}",
  );
  await mesh.until(() => command.terminal.printed.length > 0);
  mesh.env.backend.raise("TERM");
  await mesh.until(() => command.code !== undefined);
  assert.equal(command.code, 0, command.terminal.all);
  assert.match(command.terminal.errors[0], /warning/);
  assert.ok(!command.terminal.all.includes("geheim7"));
});
