import assert from "node:assert/strict";
import fc from "fast-check";
import { formatGreeting, isVersionOne, parseGreeting } from "../../../mp/wire/mod.ts";

const fields = { nodeId: "node_a", auths: ["x", "y"], framings: ["json"] };

Deno.test("formatGreeting() keeps the order of lists and keys", () => {
  const extra = [["provider", "AE-1.30"], ["peeraddr", "[::1]:40"], ["a", "b=c"]] as const;
  assert.equal(
    formatGreeting({ ...fields, extra }),
    "aemp;1;node_a;x,y;json;provider=AE-1.30;peeraddr=[::1]:40;a=b=c",
  );
  assert.equal(
    formatGreeting({ ...fields, protocol: "aemp-dataconn" }).slice(0, 16),
    "aemp-dataconn;1;",
  );
});

Deno.test("formatGreeting() throws UsageError when a field would break the line", () => {
  const bad = [
    { nodeId: "" },
    { nodeId: "a;b" },
    { nodeId: "a#b" },
    { nodeId: "a b" },
    { nodeId: "a\n" },
    { nodeId: "ä" },
    { nodeId: 5 as unknown as string },
    { auths: ["a,b"] },
    { framings: [""] },
    { framings: ["a;b"] },
    { protocol: "http" },
    { extra: [["", "x"]] as const },
    { extra: [["a=b", "x"]] as const },
    { extra: [["a", "x;y"]] as const },
    { extra: [["a", "x\n"]] as const },
    { nodeId: "n".repeat(5000) },
  ];
  for (const change of bad) {
    assert.throws(
      () => formatGreeting({ ...fields, ...change }),
      { name: "UsageError", message: /^Cannot format greeting/ },
      JSON.stringify(change),
    );
  }
});

Deno.test("parseGreeting() takes a line apart when it is Perl's", () => {
  const line = "aemp;1;node_a;tls_md6_64_256,cleartext;json,storable;tls=1.0;bare;a=b=c;=x;;z=";
  assert.deepEqual(parseGreeting(line + "\r"), {
    protocol: "aemp",
    version: "1",
    nodeId: "node_a",
    auths: ["tls_md6_64_256", "cleartext"],
    framings: ["json", "storable"],
    extra: new Map([["tls", "1.0"], ["bare", undefined], ["a", "b=c"], ["z", ""]]),
    line,
  });
  assert.deepEqual(parseGreeting("aemp-dataconn;1;;;").auths, []);
});

Deno.test("parseGreeting() throws PeerError when the line is no greeting", () => {
  for (
    const line of [
      "",
      "aemp",
      "aemp;1;a;b",
      "AEMP;1;a;b;c",
      "aemp-;1;a;b;c",
      " aemp;1;a;b;c",
      "x".repeat(999),
    ]
  ) {
    assert.throws(() => parseGreeting(line), {
      name: "PeerError",
      message: /^unparsable greeting "/,
    });
  }
});

Deno.test("parseGreeting() shows what it saw cut and as printable ASCII when it fails", () => {
  assert.throws(() => parseGreeting("GET / é\x1b[2J"), {
    message: 'unparsable greeting "GET / ??[2J"',
  });
  assert.throws(() => parseGreeting("x".repeat(100)), {
    message: `unparsable greeting "${"x".repeat(77)}..."`,
  });
});

Deno.test("parseGreeting() returns or throws PeerError when given any text", () => {
  const piece = fc.constantFrom("aemp", "1", ";", ",", "=", "\r", "a", "\0", "é");
  const text = fc.oneof(fc.string(), fc.array(piece, { maxLength: 20 }).map((all) => all.join("")));
  fc.assert(fc.property(text, (line) => {
    try {
      assert.equal(parseGreeting(line).line, line.replace(/\r$/, ""));
    } catch (error) {
      assert.equal((error as Error).name, "PeerError");
    }
  }));
});

Deno.test("parseGreeting() gives back what formatGreeting() was given", () => {
  const word = fc.stringMatching(/^[\w.:/-]{1,10}$/);
  const name = fc.stringMatching(/^\w{1,8}$/);
  const extra = fc.uniqueArray(fc.tuple(name, fc.stringMatching(/^[\w=.: -]{0,10}$/)), {
    selector: ([key]) => key,
  });
  fc.assert(
    fc.property(word, fc.array(name), fc.array(name), extra, (nodeId, auths, framings, extra) => {
      const greeting = parseGreeting(formatGreeting({ nodeId, auths, framings, extra }));
      assert.deepEqual(
        [greeting.nodeId, greeting.auths, greeting.framings, greeting.extra],
        [nodeId, auths, framings, new Map(extra)],
      );
    }),
  );
});

Deno.test("isVersionOne() compares as a number when the spelling differs", () => {
  assert.deepEqual(["1", "01", "1.0", "1.", "001.00"].map(isVersionOne), [
    true,
    true,
    true,
    true,
    true,
  ]);
  assert.deepEqual(["", "2", "1.1", "10", "x", "1x", "0"].some(isVersionOne), false);
});
