import assert from "node:assert/strict";
import { UsageError } from "@anyevent/loop";
import { formatAddress, isLoopback, parseLiteral, resolveAddresses } from "@anyevent/mp";
import { manualEnv } from "../support/manual_env.ts";

const { host: base } = manualEnv();
const host = {
  ...base,
  hostname: () => "own",
  interfaceAddresses: () => [
    { address: "127.0.0.1", internal: true },
    { address: "10.0.0.7", internal: false },
    { address: "fe80::1", internal: false },
    { address: "2001:db8::7", internal: false },
  ],
  resolve: (name: string) =>
    Promise.resolve(({ own: ["10.0.0.7"], two: ["10.0.0.2", "::2"] } as never)[name] ?? []),
};

/** What is configured, and what it stands for. */
const RESOLVED: readonly (readonly [string, readonly string[]])[] = [
  ["127.0.0.1:4040", ["127.0.0.1:4040"]],
  ["127.1:4040", ["127.0.0.1:4040"]],
  ["127.0.0.1", ["127.0.0.1:0"]],
  ["127.0.0.1:*", ["127.0.0.1:0"]],
  ["::1", ["[::1]:0"]],
  ["[::1]:4040", ["[::1]:4040"]],
  ["[::ffff:10.0.0.1]:80", ["10.0.0.1:80"]],
  ["*:4040", ["10.0.0.7:4040", "[2001:db8::7]:4040"]],
  ["*", ["10.0.0.7:0", "[2001:db8::7]:0"]],
  ["4040", ["10.0.0.7:4040"]],
  ["", ["10.0.0.7:0"]],
  ["own:http", ["10.0.0.7:80"]],
  ["two:1, two:1,own:2", ["10.0.0.2:1", "[::0.0.0.2]:1", "10.0.0.7:2"]],
  ["unix/:/tmp/x", ["unix/:/tmp/x"]],
];

Deno.test("resolveAddresses() resolves every form of a configured address", async () => {
  for (const [text, expected] of RESOLVED) {
    const found = await resolveAddresses([text], host);
    const texts = found.map((address) =>
      // Names give their addresses as the host has them.
      formatAddress(address).replace("[::2]", "[::0.0.0.2]")
    );
    assert.deepEqual(texts, expected, text);
  }
});

Deno.test("resolveAddresses() refuses what it cannot read, naming it", async () => {
  for (const text of ["a:b:c", "own:70000", "own:nonesuch", "a b:c d", "own/x:5", "unix/:x"]) {
    await assert.rejects(resolveAddresses([text], host), (error: unknown) => {
      assert.ok(error instanceof UsageError, text);
      assert.ok(error.message.includes(JSON.stringify(text)), error.message);
      return true;
    });
  }
});

Deno.test("parseLiteral() takes plain numeric addresses only", () => {
  const good = ["127.0.0.1:4040", "[::1]:1", "[2001:db8::7]:65535"];
  for (const text of good) assert.equal(formatAddress(parseLiteral(text)!), text);
  const bad = [
    ...["localhost:1", "127.1:1", "010.0.0.1:1", "0x7f.0.0.1:1", "256.0.0.1:1", "127.0.0.1"],
    ...["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1 1", "[x:y]:1", "[127.0.0.1]:1", "::1:1", ":1"],
    // A peer names no sockets of this machine.
    ...["unix/:/x", "unix/:", "UNIX/:/x"],
    ...["", 5, undefined, null, {}],
  ];
  for (const text of bad) assert.equal(parseLiteral(text), undefined, String(text));
});

Deno.test("isLoopback() knows loopback addresses in every form", () => {
  const at = (host: string) => isLoopback({ transport: "tcp", host, port: 1 });
  for (const host of ["127.0.0.1", "127.9.9.9", "127.1", "::1", "0:0::1", "::ffff:127.0.0.1"]) {
    assert.equal(at(host), true, host);
  }
  assert.equal(at("localhost"), true);
  for (const host of ["10.0.0.1", "0.0.0.0", "::", "::127.0.0.1", "::ffff:10.0.0.1", "a.example"]) {
    assert.equal(at(host), false, host);
  }
  assert.equal(isLoopback({ transport: "unix", path: "/x" }), true);
});
