/** Arguments that make no sense are refused by the call that gets them, with what was given. */
import assert from "node:assert/strict";
import {
  ffiEnv,
  nativeEnv,
  registerChild,
  seededRandom,
  simEnv,
  simWorld,
  streamPair,
} from "@anyevent/backends";
import { conformanceCases, runCase } from "@anyevent/backends/conformance";
import { memoryEnv, memoryNet } from "@anyevent/backends/memory";
import { nodeHost, nodeStream, pureEnv, registerNodeChild } from "@anyevent/backends/pure";

const bad = (value: unknown): never => value as never;
const local = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
const stream = () => streamPair(simEnv().backend)[0];
const [one] = conformanceCases;

const CASES: readonly [name: string, call: () => unknown, message: RegExp][] = [
  ["nativeEnv(null)", () => nativeEnv(bad(null)), /make native backend: options null are not an/],
  ["nativeEnv onError", () => nativeEnv({ onError: bad(5) }), /onError: 5 is not a function/],
  ["nativeEnv log", () => nativeEnv({ log: bad("x") }), /native env: log: "x" is not a function/],
  ["ffiEnv(5)", () => ffiEnv(bad(5)), /make ffi backend: options 5 are not an object/],
  ["ffiEnv onError", () => ffiEnv({ onError: bad([]) }), /onError: array of 0 is not a function/],
  ["pureEnv(null)", () => pureEnv(bad(null)), /make pure backend: options null are not an object/],
  ["pureEnv log", () => pureEnv({ log: bad(5) }), /make pure env: log: 5 is not a function/],
  ["simEnv(null)", () => simEnv(bad(null)), /make world: options null are not an object/],
  ["simWorld(5)", () => simWorld(bad(5)), /make world: options 5 are not an object/],
  ["simWorld log", () => simWorld({ log: bad({}) }), /log: object Object is not a function/],
  ["world.latency({})", () => simWorld().latency(bad({})), /latency: object Object is no range/],
  ["world.cut(5)", () => simWorld().cut(bad(5)), /cut connections: 5 is not a function/],
  ["dropListeners", () => simWorld().dropListeners(bad("x")), /listeners: "x" is not a function/],
  ["memoryNet(5)", () => memoryNet(bad(5)), /make memory net: 5 is not a backend/],
  ["memoryNet null", () => memoryNet(simEnv().backend, bad(null)), /options null are not an/],
  ["memoryEnv()", () => memoryEnv(bad(undefined)), /make memory net: undefined is not a backend/],
  ["memoryEnv net", () => memoryEnv(simEnv(), bad({})), /net object Object is no net/],
  ["memory connect", () => memoryEnv(simEnv()).net.connect(local, bad(5)), /callback 5 is not/],
  ["memory listen", () => memoryEnv(simEnv()).net.listen(local, bad(null)), /callback null is not/],
  ["streamPair()", () => streamPair(bad(undefined)), /stream pair: undefined is not a backend/],
  ["streamPair null", () => streamPair(simEnv().backend, bad(null)), /options null are not an/],
  [
    "streamPair capacity",
    () => streamPair(simEnv().backend, { capacity: bad(Symbol("s")) }),
    /capacity Symbol\(s\) is not positive/,
  ],
  [
    "streamPair names",
    () => streamPair(simEnv().backend, { names: bad([1, 2]) }),
    /names array of 2 are not two strings/,
  ],
  ["tryRead(5)", () => stream().tryRead(bad(5)), /read from stream: 5 is not a buffer with room/],
  ["tryWrite('x')", () => stream().tryWrite(bad("x")), /to stream: "x" is not a Uint8Array/],
  ["seededRandom('x')", () => seededRandom(bad("x")), /chance of seed "x": it is not a number/],
  ["bytes(-1)", () => seededRandom(1).bytes(-1), /make -1 random bytes: it is not a count/],
  ["registerChild(5)", () => registerChild(bad(5)), /register child: 5 is not a Deno.ChildProcess/],
  ["registerNodeChild", () => registerNodeChild(bad({})), /object Object is not a ChildProcess/],
  ["nodeStream(5)", () => nodeStream(simEnv().backend, bad(5)), /watch 5: it is not a Node/],
  ["native env(5)", () => nativeEnv().host.env(bad(5)), /read variable 5: it is not a string/],
  ["node env(5)", () => nodeHost().host.env(bad(5)), /read variable 5: it is not a string/],
];

for (const [name, call, message] of CASES) {
  Deno.test(`${name} throws a UsageError that says what is wrong`, () => {
    assert.throws(call, { name: "UsageError", message });
  });
}

const REJECTED: readonly [name: string, call: () => Promise<unknown>, message: RegExp][] = [
  ["native resolve(5)", () => nativeEnv().host.resolve(bad(5)), /resolve 5: it is not a string/],
  ["native readTextFile({})", () => nativeEnv().host.readTextFile(bad({})), /read object Object:/],
  ["node resolve(null)", () => nodeHost().host.resolve(bad(null)), /resolve null: it is not/],
  ["node readTextFile(5)", () => nodeHost().host.readTextFile(bad(5)), /read 5: it is not a/],
  ["runCase(5)", () => runCase(bad(5), simEnv()), /run case 5: it is none/],
  ["runCase env", () => runCase(one, bad({})), /object Object is no Env with a backend/],
  ["runCase support", () => runCase(one, simEnv(), bad(null)), /options null are not an object/],
];

for (const [name, call, message] of REJECTED) {
  Deno.test(`${name} is rejected with a UsageError that says what is wrong`, async () => {
    await assert.rejects(call, { name: "UsageError", message });
  });
}

Deno.test("env() of the native host knows no variable whose name cannot be one", () => {
  const { host } = nativeEnv();
  assert.deepEqual([host.env(""), host.env("A=B"), host.env("A\0")], Array(3).fill(undefined));
});
