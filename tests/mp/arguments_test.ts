/** Arguments that make no sense are refused by the call that gets them, with what was given. */
import assert from "node:assert/strict";
import { simEnv } from "@anyevent/backends/sim";
import { Loop } from "@anyevent/loop";
import {
  base64,
  camelKey,
  checkConfig,
  configPath,
  escapeUnique,
  extendNodes,
  isLoopback,
  Node,
  nodeOf,
  parseRelaxed,
  portNameOf,
  readConfigFile,
  resolveAddresses,
  resolveSettings,
} from "@anyevent/mp";
import { syncal } from "@anyevent/mp/coro";
import { formatGreeting, isVersionOne, Session } from "@anyevent/mp/wire";

const bad = (value: unknown): never => value as never;
const env = simEnv();
const node = new Node({ loop: new Loop(env) });
const given = { nodeid: "n1", profile: "p" };
const profiles = (profile: unknown) => () => resolveSettings(given, { profile: bad(profile) }, env);
const greeting = { nodeId: "a", auths: [], framings: [] };
const session = {
  nodeId: "a",
  secret: undefined,
  nonce: "n",
  authOffer: [],
  authAccept: [],
  framings: [],
  extra: [],
};

const CASES: readonly [name: string, call: () => unknown, message: RegExp][] = [
  ["camelKey(5)", () => camelKey(bad(5)), /name setting 5: it is not a string/],
  ["base64('x')", () => base64(bad("x")), /encode "x" as base64: it is not a Uint8Array/],
  ["base64([1])", () => base64(bad([1])), /encode array of 1 as base64/],
  ["escapeUnique({})", () => escapeUnique(bad({})), /escape object Object: it is not a string/],
  ["portNameOf(5)", () => portNameOf(bad(5)), /use id 5: it is not a port or node id/],
  ["portNameOf([])", () => portNameOf(bad([])), /use id array of 0: it is not a port or node id/],
  ["nodeOf(null)", () => nodeOf(bad(null)), /use id null: it is not a port or node id/],
  ["configPath()", () => configPath(bad(undefined)), /configuration file: undefined is no Env/],
  ["configPath({})", () => configPath(bad({})), /configuration file: object Object is no Env/],
  ["parseRelaxed(5)", () => parseRelaxed(bad(5)), /relaxed JSON: 5 is not a string/],
  ["parseRelaxed('')", () => parseRelaxed(""), /relaxed JSON: Unexpected end of JSON input/],
  ["parseRelaxed('x')", () => parseRelaxed("x"), /relaxed JSON: Unexpected token/],
  ["resolveSettings()", () => resolveSettings(bad(undefined), {}, env), /with undefined: it must/],
  ["resolveSettings(5)", () => resolveSettings(bad(5), {}, env), /configure with 5: it must be/],
  ["its binds", () => resolveSettings({ binds: bad(5) }, {}, env), /configure binds as 5: it must/],
  ["its file", () => resolveSettings(given, bad(null), env), /configuration file: null is not an/],
  ["its list", () => resolveSettings(given, bad([]), env), /file: array of 0 is not an object/],
  ["its env", () => resolveSettings({}, {}, bad(5)), /resolve settings: 5 is no Env/],
  ["its profiles", profiles(5), /use profiles: 5 is not an object of profiles/],
  ["its profile", profiles({ p: 5 }), /use profile "p": 5 is not an object of settings/],
  ["its parent", profiles({ p: { parent: 5 } }), /use profile "p": parent 5 is no name/],
  ["isLoopback()", () => isLoopback(bad(undefined)), /whether undefined is loopback: it is no/],
  ["isLoopback(5)", () => isLoopback(bad(5)), /whether 5 is loopback: it is no Address/],
  ["extendNodes(5)", () => extendNodes(bad(5)), /extend nodes: 5 is not a function/],
  ["new Node(5)", () => new Node(bad(5)), /make a node of 5: it needs \{ loop \}/],
  [
    "new Node({ random })",
    () => new Node({ loop: node.loop, random: bad({}) }),
    /random object Object gives no bytes/,
  ],
  ["node.log('x')", () => node.log(bad("x"), "text"), /log: level "x" is not a number/],
  ["syncal()", () => syncal(1, bad(Symbol("s"))), /use port Symbol\(s\): it is not a port/],
  ["formatGreeting()", () => formatGreeting(bad(undefined)), /fields undefined are not an object/],
  [
    "formatGreeting({ auths })",
    () => formatGreeting({ ...greeting, auths: bad("x") }),
    /format greeting: auths "x" is not an array/,
  ],
  [
    "formatGreeting({ extra })",
    () => formatGreeting({ ...greeting, extra: bad(5) }),
    /format greeting: extra 5 is not an array/,
  ],
  ["isVersionOne(1)", () => isVersionOne(bad(1)), /compare version 1: it is not a string/],
  ["new Session()", () => new Session(bad(undefined), bad({})), /options undefined are not an/],
  [
    "new Session({ framings })",
    () => new Session({ ...session, framings: bad("json") }, bad({})),
    /create session: framings "json" is not an array/,
  ],
];

for (const [name, call, message] of CASES) {
  Deno.test(`${name} throws a UsageError that says what is wrong`, () => {
    assert.throws(call, { name: "UsageError", message });
  });
}

const here = "127.0.0.1:1";
const REJECTED: readonly [name: string, call: () => Promise<unknown>, message: RegExp][] = [
  ["readConfigFile(5)", () => readConfigFile(bad(5)), /configuration file: 5 is no Env/],
  ["resolveAddresses('x')", () => resolveAddresses(bad("x"), env.host), /addresses "x": they are/],
  ["resolveAddresses([5])", () => resolveAddresses([bad(5)], env.host), /array of 1: they are no/],
  ["its host", () => resolveAddresses([here], bad({})), /host object Object has no resolve method/],
  ["its purpose", () => resolveAddresses([here], env.host, bad(5)), /purpose 5 is neither/],
];

for (const [name, call, message] of REJECTED) {
  Deno.test(`${name} is rejected with a UsageError that says what is wrong`, async () => {
    await assert.rejects(call, { name: "UsageError", message });
  });
}

Deno.test("no message about a configuration shows the secret in it", () => {
  const secret = "geheim-geheim";
  const text = `{ "secret": "${secret}" oops }`;
  const calls: readonly (() => unknown)[] = [
    () => parseRelaxed(text),
    () => parseRelaxed(`{ "secret": ${secret} }`),
    () => checkConfig(text),
    () => checkConfig({ secret: [secret] }),
    () => resolveSettings(bad(text), {}, env),
    () => resolveSettings(given, bad(text), env),
    profiles(text),
    profiles({ p: secret }),
    () => new Session({ ...session, secret: bad([secret]) }, bad({})),
  ];
  for (const call of calls) {
    assert.throws(call, (thrown: Error) => {
      assert.equal(thrown.name, "UsageError");
      assert.doesNotMatch(Deno.inspect(thrown).split("\n    at ")[0], /geheim/);
      assert.equal(thrown.cause, undefined);
      return true;
    });
  }
});
