// Replays recorded connections of Perl's AnyEvent::MP against our Session, in both roles.

import assert from "node:assert/strict";
import fc from "fast-check";
import { codecFraming, parseGreeting, registerFraming } from "../../mp/wire/mod.ts";
import { concat, feedBytewise, feedCut, Recorder } from "../mp/wire/recorder.ts";
import {
  type Connection,
  type Direction,
  loadTranscript,
  secretOf,
  type Transcript,
  transcriptNames,
} from "./transcripts.ts";

const STORABLE = "framing storable";
const LEFT_OUT: Readonly<Record<string, string>> = {
  "cbor-framing": "framing cbor",
  "connect-idle-storable": STORABLE,
  "dataconn": "sub-protocol aemp-dataconn",
  "dataconn-reverse": "sub-protocol aemp-dataconn",
  "grp-3nodes-storable": STORABLE,
  "logcatcher": "feature LogCatcher",
  "mixed-framing": "framing storable in one direction",
  "mon-die-storable": STORABLE,
  "mon-kil-storable": STORABLE,
  "mon-nonexistent-storable": STORABLE,
  "node-killed-storable": STORABLE,
  "reconnect-storable": STORABLE,
  "snd-types-storable": STORABLE,
  "spawn-storable": STORABLE,
  "spawn-unknown-storable": STORABLE,
  "tls": "TLS with certificates, recorded as opaque records",
  "tls-reversed": "TLS with certificates, recorded as opaque records",
  "tls-secret-mixed": "TLS with certificates offered by one side",
};

const ALL = [
  "auth-mismatch",
  "cal",
  "cbor-framing",
  "cleartext",
  "connect-idle-json",
  "connect-idle-storable",
  "connect-unknown-node",
  "cross-connect",
  "cross-connect-latency",
  "dataconn",
  "dataconn-reverse",
  "defaults",
  "grp-3nodes-json",
  "grp-3nodes-storable",
  "listenerless",
  "logcatcher",
  "mixed-framing",
  "mon-die-json",
  "mon-die-storable",
  "mon-kil-json",
  "mon-kil-storable",
  "mon-nonexistent-json",
  "mon-nonexistent-storable",
  "node-killed-json",
  "node-killed-storable",
  "node-port",
  "reconnect-json",
  "reconnect-storable",
  "self-connect",
  "snd-types-json",
  "snd-types-storable",
  "spawn-json",
  "spawn-storable",
  "spawn-unknown-json",
  "spawn-unknown-storable",
  "tls",
  "tls-reversed",
  "tls-secret-mixed",
];

// Default Perl nodes announce storable as well; json comes first, so it is never spoken here.
const unspoken = (): never => assert.fail("storable was negotiated");
registerFraming(codecFraming("storable", { encode: unspoken, decode: unspoken }));

/** Plays the side that sent `dir`. */
function play(transcript: Transcript, connection: Connection, dir: Direction): Recorder {
  const own = connection.sides[dir];
  const peer = connection.sides[dir === "c2s" ? "s2c" : "c2s"];
  const greeting = parseGreeting(own.greeting!);
  const isOurs = own.auth === undefined;
  const player = new Recorder({
    nodeId: greeting.nodeId,
    secret: secretOf(transcript, greeting.nodeId),
    nonce: own.nonce!,
    authOffer: isOurs ? ["hmac_md6_64_256"] : [own.auth.split(";")[0]],
    authAccept: greeting.auths,
    framings: greeting.framings,
    extra: [...greeting.extra].map(([key, value]) => [key, value ?? ""] as const),
  });
  if (greeting.nodeId !== parseGreeting(peer.greeting!).nodeId && isOurs) {
    player.verdict = { go: "refuse", reason: "ID already connected, not connecting again." };
  }
  return player;
}

function verify(
  transcript: Transcript,
  connection: Connection,
  dir: Direction,
  feed: (player: Recorder) => void,
): void {
  const own = connection.sides[dir];
  const peer = connection.sides[dir === "c2s" ? "s2c" : "c2s"];
  const player = play(transcript, connection, dir);
  player.session.start();
  feed(player);

  const [line, nonce, auth, ...more] = player.lines;
  const [ours, recorded] = [parseGreeting(line), parseGreeting(own.greeting!)];
  assert.deepEqual({ ...ours, line: "" }, { ...recorded, line: "" }); // a Map compares as a set
  assert.equal(nonce, own.nonce);
  assert.equal(auth, own.auth);
  assert.deepEqual(more, []);
  assert.deepEqual(player.messages, expectedOf(peer.messages));

  if (transcript.name === "self-connect") {
    assert.deepEqual(player.fails, [{ reason: "I refuse to talk to myself", kind: "refused" }]);
  } else if (transcript.name === "auth-mismatch") {
    assert.deepEqual(player.fails, [{
      reason: "authentication failure/shared secret mismatch",
      kind: "refused",
    }]);
  } else if (own.auth === undefined) {
    assert.match(player.reason!, /already connected/);
  } else {
    assert.deepEqual(player.fails, []);
    assert.equal(player.opens.length, 1);
    assert.equal(player.opens[0].method, peer.auth!.split(";")[0]);
    assert.equal(player.session.eof(), "Unexpected end-of-file");
    verifySending(player, own.messages);
  }
}

// The tool that took the recordings apart read this one number as a string; the wire has a number.
const MISREAD = "-9223372036854775808";

function expectedOf(messages: readonly (readonly unknown[])[]): unknown[][] {
  return messages.map((message) =>
    message.map((value) => value === MISREAD ? Number(MISREAD) : value)
  );
}

function verifySending(player: Recorder, messages: readonly (readonly unknown[])[]): void {
  for (const message of messages) {
    const text = player.session.encode(message);
    assert.equal(typeof text, "string");
    assert.deepEqual(JSON.parse(text as string), message);
  }
}

Deno.test("transcripts lists every recording that exists, and why some are left out", () => {
  assert.equal(ALL.length, 38);
  for (const name of Object.keys(LEFT_OUT)) assert.ok(ALL.includes(name), name);
  assert.deepEqual(transcriptNames(), ALL.filter((name) => !(name in LEFT_OUT)));
  assert.equal(transcriptNames().length, 20);
});

Deno.test("transcripts holds what the decoded files and the sidecars say", () => {
  let connections = 0;
  let messages = 0;
  for (const name of transcriptNames()) {
    const transcript = loadTranscript(name);
    assert.equal(transcript.meta.scenario, name);
    for (const { sides, chunks } of transcript.connections) {
      if (chunks.length === 0) continue;
      connections++;
      messages += sides.c2s.messages.length + sides.s2c.messages.length;
    }
  }
  assert.deepEqual([connections, messages], [27, 463]);
});

const splits = new Set(["snd-types-json", "cleartext", "node-port"]);

for (const name of transcriptNames()) {
  const transcript = loadTranscript(name);
  for (const connection of transcript.connections) {
    if (connection.chunks.length === 0) continue; // refused
    for (const dir of ["c2s", "s2c"] as const) {
      const peer = connection.sides[dir === "c2s" ? "s2c" : "c2s"];
      const all = concat(peer.chunks.map((chunk) => chunk.bytes));
      const check = (feed: (player: Recorder) => void): void =>
        verify(transcript, connection, dir, feed);
      Deno.test(`Session replays ${name} ${connection.name} as the sender of ${dir}`, async (t) => {
        await t.step("in the recorded chunks", () => {
          check((player) => {
            for (const chunk of peer.chunks) player.session.receive(chunk.bytes);
          });
        });
        await t.step("in one piece", () => check((player) => player.session.receive(all)));
        await t.step("byte by byte", () => {
          check((player) => feedBytewise(all, (part) => player.session.receive(part)));
        });
        if (!splits.has(name)) return;
        await t.step("cut at random", () => {
          fc.assert(
            fc.property(fc.array(fc.integer({ min: 1, max: 200 })), (sizes) => {
              check((player) => feedCut(all, sizes, (part) => player.session.receive(part)));
            }),
            { numRuns: 30 },
          );
        });
      });
    }
  }
}
