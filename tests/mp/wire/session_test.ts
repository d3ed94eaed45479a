import assert from "node:assert/strict";
import fc from "fast-check";
import { Session, type SessionOptions, type SessionState } from "../../../mp/wire/mod.ts";
import { concat, defaults, feedBytewise, feedCut, Recorder, utf8 } from "./recorder.ts";

const XTLS: Partial<SessionOptions> = {
  authOffer: ["tls_hmac_sha256"],
  authAccept: ["tls_hmac_sha256"],
  extra: [["xtls", "1"]],
};
const CLEARTEXT: Partial<SessionOptions> = { authOffer: ["cleartext"], authAccept: ["cleartext"] };
const GREETING = "aemp;1;b;hmac_md6_64_256,cleartext;json;provider=AE-1.30";
const SECRET_HEX = utf8.encode("geheim").toHex();

function binding(text: string): { clientFinished: Uint8Array; serverFinished: Uint8Array } {
  return { clientFinished: utf8.encode("client"), serverFinished: utf8.encode(text) };
}

/** TLS that is there at once, with this server, and gives everything through. */
function fakeTls(recorder: Recorder, server = "s"): void {
  recorder.onUpgrade = () => {
    recorder.session.upgraded(binding(server));
    recorder.session.receive(recorder.upgrades[0].rest);
  };
}

function started(options: Partial<SessionOptions> = {}): Recorder {
  const recorder = new Recorder(options);
  recorder.session.start();
  return recorder;
}

/** A session whose peer `b` authenticated by cleartext and sends `json`. */
function opened(options: Partial<SessionOptions> = {}): Recorder {
  const recorder = started({ authAccept: ["cleartext"], ...options });
  recorder.receive(`${GREETING}\nn\ncleartext;${SECRET_HEX};json\n`);
  assert.equal(recorder.session.state, "open", recorder.reason);
  return recorder;
}

/** Moves bytes between two sessions, cut anywhere, until nothing is on its way. */
function connect(a: Recorder, b: Recorder, sizes: readonly number[] = []): void {
  const done = new Map([[a, 0], [b, 0]]);
  for (const each of [a, b]) if (each.session.state === "new") each.session.start();
  for (let moved = true; moved;) {
    moved = false;
    for (const [from, to] of [[a, b], [b, a]]) {
      const parts = from.sent.slice(done.get(from));
      if (parts.length === 0) continue;
      done.set(from, from.sent.length);
      feedCut(concat(parts), sizes, (part) => to.session.receive(part));
      moved = true;
    }
  }
}

const kinds: [string, Partial<SessionOptions>][] = [
  ["hmac_md6_64_256", {}],
  ["cleartext", CLEARTEXT],
  ["tls_hmac_sha256", XTLS],
];

for (const [method, options] of kinds) {
  for (const framing of ["json", "jsonl"]) {
    Deno.test(`Session opens and carries ${framing} by ${method} when bytes are cut anywhere`, () => {
      const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
      const messages = fc.array(fc.array(json, { maxLength: 4 }), { maxLength: 5 });
      const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 5 });
      fc.assert(
        fc.property(messages, messages, sizes, (fromA, fromB, cuts) => {
          const a = new Recorder({ ...options, framings: [framing] });
          const b = new Recorder({
            ...options,
            framings: [framing],
            nodeId: "b",
            nonce: "nonce-b",
          });
          for (const each of [a, b]) fakeTls(each);
          connect(a, b, cuts);
          const info = {
            method,
            sendFraming: framing,
            receiveFraming: framing,
            encrypted: options === XTLS,
          };
          assert.deepEqual(a.opens, [{ ...info, nodeId: "b", greeting: a.greetings[0] }]);
          assert.deepEqual(b.opens, [{ ...info, nodeId: "a", greeting: b.greetings[0] }]);
          for (const [from, all] of [[a, fromA], [b, fromB]] as const) {
            for (const message of all) {
              from.sent.push(utf8.encode(String(from.session.encode(message))));
            }
          }
          // Only the messages are on their way now.
          feedCut(concat(b.sent.slice(2)), cuts, (part) => a.session.receive(part));
          feedCut(concat(a.sent.slice(2)), cuts, (part) => b.session.receive(part));
          assert.deepEqual([a.messages, b.messages], [fromB, fromA]);
          assert.deepEqual([a.fails, b.fails], [[], []]);
        }),
        { numRuns: 30 },
      );
    });
  }
}

Deno.test("Session opens when its handlers feed the other session from within", () => {
  const a: Recorder = new Recorder();
  const b: Recorder = new Recorder({ nodeId: "b", nonce: "nonce-b" });
  a.onSend = (bytes) => b.session.receive(bytes);
  b.onSend = (bytes) => a.session.receive(bytes);
  let rounds = 0;
  b.onMessage = (message) => a.session.receive(utf8.encode(String(b.session.encode(message))));
  a.onMessage = (message) => {
    if (++rounds < 1000) b.session.receive(utf8.encode(String(a.session.encode(message))));
  };
  a.session.start();
  assert.equal(b.session.state, "new");
  b.session.start();
  assert.deepEqual([a.session.state, b.session.state], ["open", "open"]);
  b.session.receive(utf8.encode(String(a.session.encode(["x"]))));
  assert.equal(rounds, 1000);
});

Deno.test("Session sends its auth line before it has the peer's", () => {
  const a = started();
  assert.deepEqual(a.lines, ["aemp;1;a;hmac_md6_64_256;jsonl,json", "nonce-a"]);
  a.receive(`${GREETING}\n`);
  assert.equal(a.lines.length, 2);
  a.receive("n\n");
  assert.match(a.lines[2], /^hmac_md6_64_256;[0-9a-f]{64};json$/);
  assert.equal(a.session.state, "auth");
});

Deno.test("Session takes everything in one segment, with CR LF, when the peer pipelines", () => {
  const a = started({ authAccept: ["cleartext"] });
  a.receive(`${GREETING}\r\nn\r\ncleartext;${SECRET_HEX};json;more\r\n["",1]["x"]`);
  assert.deepEqual(a.messages, [["", 1], ["x"]]);
  assert.equal(a.opens[0].greeting.line, GREETING);
});

Deno.test("Session hashes the bytes of a greeting that is not UTF-8 as they are", () => {
  const raw = (id: number[]): Uint8Array =>
    concat([
      utf8.encode("aemp;1;b;hmac_md6_64_256;json;k="),
      Uint8Array.from(id),
      utf8.encode("\nn\n"),
    ]);
  const proofOf = (bytes: Uint8Array): string => {
    const a = started();
    a.session.receive(bytes);
    return a.lines[2];
  };
  assert.notEqual(proofOf(raw([0xff])), proofOf(raw([0xfe]))); // both decode to U+FFFD
});

const refused: [name: string, input: string, reason: RegExp, kind: "refused" | "protocol"][] = [
  ["garbage", "GET / HTTP/1.1\r\n", /^unparsable greeting "GET \/ HTTP\/1.1"$/, "protocol"],
  ["control characters", "\x1b[2J\n", /^unparsable greeting "\?\[2J"$/, "protocol"],
  ["another version", "aemp;2;b;x;json\n", /^version mismatch, got "2"$/, "refused"],
  ["a sub-protocol", "aemp-dataconn;1;b;x;json\n", /^unsupported protocol/, "refused"],
  ["an empty node id", "aemp;1;;x;json\n", /^unusable node id ""$/, "refused"],
  ["a node id with #", "aemp;1;a#b;x;json\n", /^unusable node id "a#b"$/, "refused"],
  ["its own node id", "aemp;1;a;x;json\nn\n", /^I refuse to talk to myself$/, "refused"],
  [
    "its own nonce",
    "aemp;1;b;x;json\nnonce-a\n",
    /^authentication error, echo attack\?$/,
    "refused",
  ],
  [
    "no common method",
    "aemp;1;b;x,tls_anon;json\nn\n",
    /^no common auth type.*"x,tls_anon"$/,
    "refused",
  ],
  [
    "no common framing",
    "aemp;1;b;hmac_md6_64_256;cbor\nn\n",
    /^no common framing, got "cbor"$/,
    "refused",
  ],
  [
    "a bad auth line",
    `${GREETING}\nn\n${SECRET_HEX}\n`,
    /^unparsable authentication line$/,
    "protocol",
  ],
  [
    "an unknown method",
    `${GREETING}\nn\nx;y;json\n`,
    /^fatal, selected unsupported rcv/,
    "refused",
  ],
  [
    "a method not offered",
    `${GREETING}\nn\ncleartext;${SECRET_HEX};json\n`,
    /^auth method cleartext refused/,
    "refused",
  ],
  ["a wrong proof", `${GREETING}\nn\nhmac_md6_64_256;00;json\n`, /secret mismatch$/, "refused"],
  [
    "TLS methods without TLS",
    `${GREETING}\nn\ntls_anon;;json\n`,
    /^auth method tls_anon refused/,
    "refused",
  ],
];

for (const [name, input, reason, kind] of refused) {
  Deno.test(`Session fails once when the peer sends ${name}`, () => {
    for (const cut of [false, true]) {
      const a = started({ authAccept: ["hmac_md6_64_256", "tls_anon"] });
      if (cut) feedBytewise(utf8.encode(input), (part) => a.session.receive(part));
      else a.receive(input);
      a.receive("more\n");
      assert.equal(a.fails.length, 1);
      assert.match(a.reason!, reason);
      assert.equal(a.fails[0].kind, kind);
      assert.ok(!a.reason!.includes("geheim") && !a.reason!.includes(SECRET_HEX));
      assert.equal(a.session.state, "failed");
      assert.deepEqual([a.opens, a.messages], [[], []]);
    }
  });
}

Deno.test("Session tells no reason that shows the secret when the peer sends it", () => {
  const secret =
    "a long Secret, longer than what a reason may show of a line, of 100 characters and more than that";
  const texts = [secret, secret.toUpperCase(), utf8.encode(secret).toHex(), `x ${secret}`];
  const inputs = [
    (text: string) => `${text}\n`,
    (text: string) => `aemp;${text};b;x;json\n`,
    (text: string) => `aemp;1;b;hmac_md6_64_256;${text}\nn\n`,
  ];
  for (const input of inputs) {
    for (const text of texts) {
      const a = started({ secret });
      a.receive(input(text));
      assert.match(a.reason!, /^(unparsable greeting|version mismatch|no common framing)$/);
    }
  }
});

Deno.test("Session fails when its own lines come back", () => {
  const a = started();
  a.session.receive(a.sent[0]);
  assert.equal(a.reason, "authentication error, echo attack?");
});

Deno.test("Session fails when a line of the handshake is above the limit, however it is cut", () => {
  const long = `aemp;1;b;hmac_md6_64_256;json;k=`;
  const fitting = long + "x".repeat(4095 - long.length) + "\n";
  for (
    const feed of [feedBytewise, (bytes: Uint8Array, to: (part: Uint8Array) => void) => to(bytes)]
  ) {
    const ok = started();
    feed(utf8.encode(fitting + "n\n"), (part) => ok.session.receive(part));
    assert.equal(ok.session.state, "auth");
    for (const before of ["", "aemp;1;b;hmac_md6_64_256;json\n", `${GREETING}\nn\n`]) {
      const a = started();
      feed(utf8.encode(before + "x".repeat(4096) + "\n"), (part) => a.session.receive(part));
      assert.match(a.reason!, /^(greeting|nonce|auth) line longer than 4096 bytes$/);
    }
  }
  const a = started({ maxGreetingBytes: 10 });
  a.receive("0123456789");
  assert.equal(a.reason, "greeting line longer than 10 bytes");
});

Deno.test("Session fails when the peer announces a framing that was not offered", () => {
  const a = started({ ...CLEARTEXT, framings: ["json"] });
  a.receive(`${GREETING}\nn\ncleartext;${SECRET_HEX};jsonl\n`);
  assert.equal(a.reason, 'unusable remote framing "jsonl"');
});

Deno.test("Session refuses hmac_md6 and cleartext when there is no secret", () => {
  const a = started({ secret: undefined });
  a.receive(`${GREETING}\nn\n`);
  assert.match(a.reason!, /^no common auth type supported, and no shared secret is configured/);
});

Deno.test("Session delivers what comes before it, then fails, when a message is undecodable", () => {
  const a = opened();
  a.receive('["x"]["y"]{}["z"]');
  assert.deepEqual(a.messages, [["x"], ["y"]]);
  assert.deepEqual(a.fails, [{ reason: "message is an object, not an array", kind: "protocol" }]);
});

Deno.test("Session fails when a message is above maxFrameBytes", () => {
  const a = opened({ maxFrameBytes: 100 });
  a.receive('["' + "x".repeat(100));
  assert.equal(a.reason, "message larger than 100 bytes");
});

Deno.test("Session asks its handler and fails with its reason when the verdict is refuse", () => {
  const a = new Recorder();
  a.verdict = { go: "refuse", reason: "not today" };
  a.session.start();
  a.receive(`${GREETING}\nn\n`);
  assert.deepEqual(a.fails, [{ reason: "not today", kind: "refused" }]);
  assert.equal(a.greetings[0].extra.get("provider"), "AE-1.30");
  assert.equal(a.sent.length, 1);
});

Deno.test("Session sends nothing until proceed() when the verdict is hold", () => {
  const a = new Recorder({ authAccept: ["cleartext"] });
  a.verdict = { go: "hold" };
  a.session.start();
  a.receive(`${GREETING}\nn\ncleartext;${SECRET_HEX};json\n["x"]`);
  assert.deepEqual([a.session.state, a.sent.length, a.greetings.length], ["held", 1, 1]);
  a.receive('["y"]');
  a.session.proceed();
  assert.deepEqual([a.session.state, a.sent.length, a.greetings.length], ["open", 2, 1]);
  assert.deepEqual(a.messages, [["x"], ["y"]]);
  assert.throws(() => a.session.proceed(), { name: "UsageError", message: /open, not held/ });
});

Deno.test("Session fails when too much arrives while it is on hold or not started", () => {
  for (const isStarted of [true, false]) {
    const a = new Recorder();
    a.verdict = { go: "hold" };
    if (isStarted) a.session.start();
    a.receive(`${GREETING}\nn\n`);
    a.receive("x".repeat(66_000));
    assert.deepEqual(a.fails, []);
    a.receive("x".repeat(5_000));
    assert.equal(a.reason, "too much data before authentication");
  }
});

Deno.test("Session upgrades as client when its nonce is lower, and hands over what TLS sent", () => {
  const peer = "aemp;1;b;tls_hmac_sha256;json;xtls=1";
  for (
    const [nonce, role] of [["nonce-Z", "server"], ["nonce-b", "client"], ["nonce-", "server"]]
  ) {
    const a = started(XTLS);
    a.session.receive(concat([utf8.encode(`${peer}\n${nonce}\n`), Uint8Array.of(22, 3, 10)]));
    assert.deepEqual(a.upgrades, [{ role, kind: "xtls", rest: Uint8Array.of(22, 3, 10) }]);
    assert.deepEqual([a.session.state, a.sent.length], ["upgrading", 1]);
    assert.throws(() => a.receive("x"), { name: "UsageError", message: /being upgraded/ });
    a.session.upgraded(binding("s"));
    assert.match(a.lines[2], /^tls_hmac_sha256;[0-9a-f]{64};json$/);
  }
});

Deno.test("Session refuses the peer when the TLS channels of both sides differ", () => {
  const a = new Recorder(XTLS);
  const b = new Recorder({ ...XTLS, nodeId: "b", nonce: "nonce-b" });
  fakeTls(a, "server towards a");
  fakeTls(b, "server towards b");
  connect(a, b);
  for (const each of [a, b]) {
    assert.equal(each.reason, "authentication failure/shared secret mismatch");
    assert.equal(each.opens.length, 0);
  }
  assert.deepEqual([a.upgrades[0].role, b.upgrades[0].role], ["client", "server"]);
});

Deno.test("Session refuses the peer when secrets differ", () => {
  for (const [, options] of kinds) {
    const a = new Recorder(options);
    const b = new Recorder({ ...options, nodeId: "b", nonce: "nonce-b", secret: "falsch" });
    for (const each of [a, b]) fakeTls(each);
    connect(a, b);
    for (const each of [a, b]) assert.match(each.reason!, /secret mismatch$/);
  }
});

Deno.test("Session refuses weaker methods when both announced xtls=1", () => {
  const all = ["tls_hmac_sha256", "hmac_md6_64_256", "cleartext", "tls_anon"];
  const options = { ...XTLS, authAccept: all, authOffer: all };
  const peer = `aemp;1;b;${all.reverse().join(",")};json;xtls=1\nn\n`;
  for (
    const line of [`cleartext;${SECRET_HEX};json`, "tls_anon;;json", "hmac_md6_64_256;00;json"]
  ) {
    const a = started(options);
    a.receive(peer);
    a.session.upgraded(binding("s"));
    assert.match(a.lines[2], /^tls_hmac_sha256;/);
    a.receive(line + "\n");
    assert.match(a.reason!, /^auth method \w+ refused: xtls needs tls_hmac_sha256$/);
  }
  const a = started(options);
  a.receive("aemp;1;b;hmac_md6_64_256;json;xtls=1\nn\n");
  assert.match(a.reason!, /^no common auth type supported/);
  assert.equal(a.upgrades.length, 0);
});

Deno.test("Session goes on in clear by hmac_md6 when the peer does not announce xtls=1", () => {
  const auths = ["tls_hmac_sha256", "hmac_md6_64_256"];
  const options = { ...XTLS, authAccept: auths, authOffer: auths };
  const a = new Recorder(options);
  const b = new Recorder({ nodeId: "b", nonce: "nonce-b" });
  connect(a, b);
  assert.deepEqual([a.opens[0].method, a.opens[0].encrypted], ["hmac_md6_64_256", false]);
});

Deno.test("Session notices when xtls=1 is taken out of a greeting on its way", () => {
  const auths = ["tls_hmac_sha256", "hmac_md6_64_256"];
  const options = { ...XTLS, authAccept: auths, authOffer: auths };
  const a = new Recorder(options);
  const b = new Recorder({ ...options, nodeId: "b", nonce: "nonce-b" });
  const strip = (bytes: Uint8Array): Uint8Array =>
    utf8.encode(new TextDecoder().decode(bytes).replace(";xtls=1", ""));
  a.onSend = (bytes) => b.session.receive(strip(bytes));
  b.onSend = (bytes) => a.session.receive(strip(bytes));
  a.session.start();
  b.session.start();
  assert.match(a.reason!, /secret mismatch$/);
  assert.match(b.reason!, /secret mismatch$/);
});

Deno.test("Session upgrades by certificate, before xtls, when both announce tls=1.0", () => {
  const auths = ["tls_hmac_sha256", "tls_md6_64_256"];
  const options: Partial<SessionOptions> = {
    authAccept: auths,
    authOffer: auths,
    extra: [["tls", "1.0"], ["xtls", "1"]],
  };
  for (const theirs of ["tls_md6_64_256", "tls_hmac_sha256"]) {
    const a = new Recorder(options);
    const b = new Recorder({
      ...options,
      nodeId: "b",
      nonce: "nonce-b",
      authAccept: [theirs, ...auths],
    });
    for (const each of [a, b]) fakeTls(each);
    connect(a, b);
    assert.equal(a.upgrades[0].kind, "tls");
    assert.equal(b.opens[0].method, theirs);
    assert.equal(b.opens[0].encrypted, true);
  }
  const a = started({ ...options, authAccept: PERL, authOffer: PERL, extra: [["tls", "1.0"]] });
  a.receive("aemp;1;b;hmac_md6_64_256;json;tls=2\nn\n");
  assert.equal(a.upgrades.length, 0);
  assert.match(a.lines[2], /^hmac_md6_64_256;/);
});

const PERL = ["tls_md6_64_256", "hmac_md6_64_256"];

Deno.test("Session delivers the rest, then throws the first error, when a handler throws", () => {
  const a = opened();
  a.onMessage = ([name]) => {
    if (name !== "ok") throw new Error(String(name));
  };
  assert.throws(() => a.receive('["ok"]["first"]["ok"]["second"]["ok"]'), { message: "first" });
  assert.equal(a.messages.length, 5);
  a.receive('["ok"]');
  assert.deepEqual([a.messages.length, a.fails.length, a.session.state], [6, 0, "open"]);
});

Deno.test("Session fails and throws when its handler throws while sending", () => {
  const a = started();
  a.onSend = () => {
    throw new Error("no transport");
  };
  assert.throws(() => a.receive(`${GREETING}\nn\n`), { message: "no transport" });
  assert.equal(a.session.state, "failed");
  assert.equal(a.fails.length, 1);
});

Deno.test("abort() ends the session without another call when messages are left", () => {
  const a = opened();
  a.onMessage = () => a.session.abort();
  a.receive('["1"]["2"]');
  a.receive('["3"]');
  a.session.abort();
  a.session.proceed();
  a.session.upgraded(binding("s"));
  a.session.start();
  assert.deepEqual([a.messages, a.fails, a.session.state], [[["1"]], [], "closed"]);
});

Deno.test("encode() throws UsageError before the session is open and above the limit", () => {
  const a = started({ authAccept: ["cleartext"], maxFrameBytes: 20 });
  assert.throws(() => a.session.encode(["x"]), {
    name: "UsageError",
    message: /greeting, not open/,
  });
  a.receive(`${GREETING}\nn\ncleartext;${SECRET_HEX};json\n`);
  assert.equal(a.session.encode(["x".repeat(16)]), `["${"x".repeat(16)}"]`);
  assert.throws(() => a.session.encode(["x".repeat(17)]), {
    name: "UsageError",
    message: /21 bytes/,
  });
  assert.throws(() => a.session.encode(["é".repeat(9)]), {
    name: "UsageError",
    message: /22 bytes/,
  });
});

Deno.test("eof() tells Perl's message when the framing is json, jsonl or none yet", () => {
  assert.equal(opened().session.eof(), "Unexpected end-of-file");
  assert.equal(started().session.eof(), "Broken pipe");
});

Deno.test("Session throws UsageError when an option or argument is not usable", () => {
  const bad: [Partial<SessionOptions>, RegExp][] = [
    [{ nodeId: "a#b" }, /nodeId "a#b"/],
    [{ secret: 7 as unknown as string }, /secret is not a string/],
    [{ nonce: "a b" }, /nonce "a b"/],
    [{ authOffer: ["md5"] }, /"md5" is unknown/],
    [{ framings: [] }, /framings is empty/],
    [{ framings: ["cbor"] }, /"cbor" is not registered/],
    [{ maxFrameBytes: 0 }, /maxFrameBytes 0/],
    [{ maxGreetingBytes: 1.5 }, /maxGreetingBytes 1.5/],
    [{ ...XTLS, secret: undefined }, /xtls=1, but there is no secret/],
    [{ extra: [["xtls", "1"]] }, /xtls=1, but tls_hmac_sha256/],
  ];
  for (const [options, message] of bad) {
    assert.throws(() => new Recorder(options), { name: "UsageError", message });
  }
  const a = started();
  assert.throws(() => a.session.start(), { name: "UsageError" });
  assert.throws(() => a.session.proceed(), { name: "UsageError" });
  assert.throws(() => a.session.upgraded(binding("s")), { name: "UsageError" });
  assert.throws(() => a.session.receive("x" as unknown as Uint8Array), {
    name: "UsageError",
    message: /"x"/,
  });
  const b = started(XTLS);
  b.receive("aemp;1;b;tls_hmac_sha256;json;xtls=1\nn\n");
  const empty = { ...binding("s"), serverFinished: new Uint8Array(0) };
  assert.throws(() => b.session.upgraded(empty), { name: "UsageError", message: /serverFinished/ });
});

Deno.test("Session fails at most once and never throws when it is fed garbage", () => {
  const pieces = fc.constantFrom(
    ...[
      GREETING,
      "aemp;1;b;",
      ";",
      "\n",
      "\r\n",
      "n\n",
      "[",
      "]",
      '"',
      "{}",
      "cleartext;",
      SECRET_HEX,
    ],
    ...[`${GREETING}\nn\ncleartext;${SECRET_HEX};json\n`, "hmac_md6_64_256;00;json\n", "json\n"],
  );
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(pieces, { maxLength: 12 }).map((all) => utf8.encode(all.join(""))),
  );
  const over: readonly SessionState[] = ["failed", "closed"];
  fc.assert(
    fc.property(garbage, fc.array(fc.integer({ min: 1, max: 30 })), (bytes, cuts) => {
      const a = started({ authAccept: ["cleartext"], maxGreetingBytes: 200, maxFrameBytes: 50 });
      feedCut(bytes, cuts, (part) => a.session.receive(part));
      assert.ok(a.fails.length <= 1);
      assert.equal(a.fails.length === 1, over.includes(a.session.state));
      for (const { reason } of a.fails) {
        assert.match(reason, /^[ -~]+$/);
        assert.ok(!reason.includes(SECRET_HEX));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("Session calls fail and nothing after it when fail aborts", () => {
  const calls: string[] = [];
  const session: Session = new Session(defaults, {
    send: () => calls.push("send"),
    greeting: () => ({ go: "on" }),
    upgrade: () => calls.push("upgrade"),
    open: () => calls.push("open"),
    message: () => calls.push("message"),
    fail: () => {
      calls.push("fail");
      session.abort();
      session.receive(utf8.encode("x"));
    },
  });
  session.start();
  session.receive(utf8.encode("nonsense\nmore\n"));
  assert.deepEqual([calls, session.state], [["send", "fail"], "failed"]);
});
