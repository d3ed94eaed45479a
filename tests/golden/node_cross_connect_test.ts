// Two nodes that connect to each other at once: recorded with latency, Perl's nodes complete both
// handshakes and lose both connections ("switched connections"). Ours keep one, and lose nothing.

import assert from "node:assert/strict";
import { type Replay, replay } from "./replay.ts";
import { programs } from "./scenarios.ts";
import { loadTranscript } from "./transcripts.ts";

const NAME = "cross-connect-latency";
const transcript = loadTranscript(NAME);

function play(role: "A" | "B", until?: number): Promise<Replay> {
  const options = until === undefined ? { seeds: 1 } : { seeds: 1, until };
  return replay(transcript, role, programs[NAME][role], options);
}

function recordedMessages(connection: string, dir: "c2s" | "s2c"): readonly (readonly unknown[])[] {
  return transcript.connections.find(({ name }) => name === connection)!.sides[dir].messages;
}

Deno.test("the recording has Perl's nodes up on both connections, and then on none", () => {
  for (const { events } of transcript.meta.nodes) {
    const reasons = events.filter(({ ev }) => ev === "node_down").map(({ reason }) => reason);
    assert.equal((reasons[0] as unknown[])[2], "switched connections");
  }
});

Deno.test("Node that is to decide keeps the connection it began, and its peer stays up", async () => {
  const played = await play("A", 1.398);
  const [a1, b1] = played.ends;
  assert.deepEqual([a1.name, a1.initiated, b1.name, b1.initiated], ["A.1", false, "B.1", true]);

  // Both begin as recorded; the one that the larger id began ends before it is authenticated.
  assert.deepEqual(a1.lines, [a1.own.greeting, a1.own.nonce]);
  assert.ok(a1.closedAt! < 1.147);
  assert.deepEqual(b1.lines, [b1.own.greeting, b1.own.nonce, b1.own.auth]);

  // What Perl lost with the first connection is sent on the one that stays.
  const messages = b1.messages.filter(({ t }) => t <= played.cut).map(({ message }) => message);
  assert.deepEqual(messages, recordedMessages("A.1", "s2c"));
  assert.deepEqual(played.events, [{ ev: "node_up", node: "node_b", reason: [] }]);
  assert.deepEqual(played.strays, []);
});

Deno.test("Node decides towards a peer without the rule, also with the larger id", async () => {
  const played = await play("B", 1.595);
  const [a1, b1] = played.ends;
  assert.deepEqual([a1.name, a1.initiated, b1.name, b1.initiated], ["A.1", true, "B.1", false]);
  assert.deepEqual(a1.lines, [a1.own.greeting, a1.own.nonce, a1.own.auth]);
  assert.deepEqual(b1.lines, [b1.own.greeting, b1.own.nonce]);
  assert.ok(b1.closedAt! < 1.147);
  const messages = a1.messages.filter(({ t }) => t <= played.cut).map(({ message }) => message);
  assert.deepEqual(messages, recordedMessages("A.1", "c2s"));
  assert.deepEqual(played.events, [{ ev: "node_up", node: "node_a", reason: [] }]);
  assert.deepEqual(played.strays, []);
});

Deno.test("Node comes back as recorded when its peer drops both connections", async () => {
  const played = await play("B");
  const a2 = played.ends.find(({ name }) => name === "A.2")!;
  assert.deepEqual(a2.lines, [a2.own.greeting, a2.own.nonce, a2.own.auth]);
  const messages = a2.messages.filter(({ t }) => t <= played.cut).map(({ message }) => message);
  // Perl chose its master twice, once for each of the connections that it had.
  const recorded = recordedMessages("A.2", "c2s");
  const asked = recorded.findIndex(([, tag]) => tag === "seedme1");
  assert.equal(recorded[asked + 1][1], "seedme1");
  const isNodes = ([, tag]: readonly unknown[]): boolean => tag === "nodes";
  assert.deepEqual(
    messages.filter((message) => !isNodes(message)),
    recorded.toSpliced(asked, 1).filter((message) => !isNodes(message)),
  );
  // And it never learned addresses on the first connection, on which ours stayed to listen.
  const told = recorded.filter(isNodes);
  assert.equal(told.length, 3);
  assert.deepEqual(messages.filter(isNodes), [told[0], ...told]);

  const reason = ["transport_error", "node_a", "Unexpected end-of-file"];
  const lost = [{ ev: "mon", reason }, { ev: "node_down", node: "node_a", reason }];
  const up = { ev: "node_up", node: "node_a", reason: [] };
  const said = [1, 2, 3, 4, 5, 6, 7].map((n) => ({ ev: "msg", m: ["from", "node_a", n] }));
  assert.deepEqual(played.events, [up, ...lost, up, ...said, ...lost]);
  assert.deepEqual(played.thrown, []);
  assert.deepEqual(played.left, [0, 0, 0], "timers, watchers and posts after stop()");
});
