import { seededRandom } from "@anyevent/backends/contract";
import assert from "node:assert/strict";
import {
  assertNoSurvivors,
  assertRefused,
  type Event,
  killStranger,
  Process,
} from "../support/processes.ts";

const NODES = ["alice", "bob", "chat_server", "receiver", "seed", "sender"];
const CLIENTS = ["alice", "bob"];

const seed = Number(Deno.env.get("ANYEVENT_TEST_SEED") ?? Math.floor(Math.random() * 1e9));
const random = seededRandom(seed);

function names(events: readonly Event[], event: string): unknown[] {
  return events.filter((each) => each.event === event).map((each) => each.node);
}

/** What the demo says of itself must be gone with it. */
async function assertGone(marker: string, events: readonly Event[]): Promise<void> {
  const joined = events.filter((event) => event.event === "joined");
  await assertNoSurvivors(marker, joined.map((event) => Number(event.pid)));
  for (const event of joined) await assertRefused(String(event.address));
}

Deno.test("demo --json tells of the mesh, the kill, the recovery and the figures", async () => {
  const marker = crypto.randomUUID();
  await using demo = new Process("demo.ts", { args: ["--json"], marker });
  assert.equal(await demo.end(), 0, demo.stderr);
  const { events } = demo;
  const order = events.map((event) => event.event);
  const kill = order.indexOf("killed");

  assert.deepEqual(names(events.slice(0, kill), "joined").sort(), NODES);
  const before = events.slice(0, kill).filter((event) => event.event === "said");
  for (const nick of CLIENTS) {
    const said = before.filter((event) => event.nick === nick);
    assert(said.length >= 1, `${nick} says something before the kill`);
    for (const event of said) assert.deepEqual(event.to, CLIENTS);
  }
  assert(before.some((event) => event.nick === "sender"), "the time was sent and received");

  assert.deepEqual(names(events, "killed"), ["chat_server"]);
  const server = events.find((event) => event.node === "chat_server")!;
  assert.equal(events[kill].pid, server.pid);

  const after = events.slice(kill + 1);
  assert.deepEqual(names(after, "monitor").sort(), CLIENTS);
  for (const event of after.filter((event) => event.event === "monitor")) {
    const reason = event.reason as unknown[];
    assert.deepEqual(reason.slice(0, 2), ["transport_error", "chat_server"]);
    assert.equal(typeof reason[2], "string");
  }
  assert.deepEqual(names(after, "joined"), ["chat_server"]);
  assert.notEqual(after.find((event) => event.event === "joined")!.pid, server.pid);
  assert.deepEqual(names(after, "reconnected").sort(), CLIENTS);
  const important = after.map((event) => event.event)
    .filter((name) => ["monitor", "joined", "reconnected"].includes(String(name)));
  assert.deepEqual(important, [
    "monitor",
    "monitor",
    "joined",
    "reconnected",
    "reconnected",
  ]);
  const talk = events.slice(order.lastIndexOf("reconnected"))
    .filter((event) => event.event === "said" && CLIENTS.includes(String(event.nick)));
  assert(talk.length >= 2, "the conversation goes on");

  assert.equal(order.indexOf("summary"), order.length - 1);
  const summary = events.at(-1)!;
  assert.equal(summary.nodes, 6);
  assert.equal(summary.links, 15);
  assert(Number(summary.messages) > 1000);
  assert(Number(summary.roundTripMicros) > 0 && Number(summary.roundTripMicros) < 1e6);
  assert(Number(summary.noticeMillis) > 0 && Number(summary.noticeMillis) < 1e4);
  const times = events.slice(0, -1).map((event) => Number(event.at));
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert(times.at(-1)! < 20);
  await assertGone(marker, events);
});

Deno.test("demo prints plain text and the table when piped", async () => {
  await using demo = new Process("demo.ts");
  assert.equal(await demo.end(), 0, demo.stderr);
  const text = demo.lines.join("\n");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(text, /\x1b/);
  assert.match(text, /alice {2}.*hello/);
  assert.match(text, /is told: transport_error chat_server/);
  assert.match(text, /nodes.* 6\n.*links.* 15\n.*messages.*\d\n.*round trip.*µs\n.*ms/);
});

Deno.test("demo --help explains, a wrong option is refused", async () => {
  await using help = new Process("demo.ts", { args: ["--help"] });
  assert.equal(await help.end(), 0);
  assert.match(help.lines.join("\n"), /--allow-run=deno examples\/demo\.ts[^]*--json/);
  await using wrong = new Process("demo.ts", { args: ["--jason"] });
  assert.equal(await wrong.end(), 2);
  assert.match(wrong.stderr, /Cannot run demo\.ts: .*--jason/);
});

Deno.test("demo says what failed, and fails, when one of its processes dies", async () => {
  const marker = crypto.randomUUID();
  await using demo = new Process("demo.ts", { args: ["--json"], marker });
  const { pid } = await demo.event("joined", (event) => event.node === "seed");
  await killStranger(Number(pid));
  assert.equal(await demo.end(), 1);
  assert.match(demo.stderr, /^Cannot go on: seed ended with code 137$/m);
  assert(!demo.events.some((event) => event.event === "summary"));
  await assertGone(marker, demo.events);
});

/** Ends the demo after it has told of `count` events. */
async function interrupt(signal: Deno.Signal, count: number): Promise<Process> {
  const marker = crypto.randomUUID();
  await using demo = new Process("demo.ts", { args: ["--json"], marker });
  await demo.count(count);
  demo.kill(signal);
  await demo.end();
  await assertGone(marker, demo.events);
  return demo;
}

// The first events come while the other children are still starting up.
const EVENTS = 18;

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`demo leaves no process and no listener when it gets ${signal}`, async () => {
    for (const count of [1, 1 + Math.floor(random.float() * EVENTS)]) {
      console.log(`seed ${seed}: ${signal} after ${count} events`);
      const demo = await interrupt(signal, count);
      assert.equal(await demo.end(), code, demo.stderr);
      assert.match(demo.stderr, new RegExp(`interrupted by ${signal}`));
      assert(!demo.events.some((event) => event.event === "summary"));
    }
  });
}

Deno.test("demo leaves no process and no listener when it gets SIGKILL", async () => {
  const counts = [0, 1, 2, 1 + Math.floor(random.float() * EVENTS)];
  for (const count of [...counts, 1 + Math.floor(random.float() * EVENTS)]) {
    console.log(`seed ${seed}: SIGKILL after ${count} events`);
    const demo = await interrupt("SIGKILL", count);
    assert.equal(await demo.end(), "SIGKILL");
  }
});
