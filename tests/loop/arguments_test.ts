/** Arguments that make no sense are refused by the call that gets them, with what was given. */
import assert from "node:assert/strict";
import { simEnv } from "@anyevent/backends/sim";
import {
  AnyEventApi,
  backtrace,
  Collector,
  Command,
  connectTcp,
  Debugger,
  debugOf,
  Detector,
  Dns,
  DnsNames,
  dnsPack,
  FileIO,
  forkCall,
  getservbyname,
  guard,
  Handle,
  ioOf,
  LogRoot,
  Loop,
  operation,
  portableSocketpair,
  Resolver,
  resolver,
  setBridge,
  setResolver,
  Sockets,
  socketsOf,
  sprintf,
  streamPair,
  Strict,
  TLS,
  Util,
  utilOf,
  watchAwaiting,
  WorkerPool,
  workerTask,
} from "@anyevent/loop";
import { loopCases, missing } from "@anyevent/loop/conformance";
import { logtapeSink } from "@anyevent/loop/logtape";

const bad = (value: unknown): never => value as never;
const env = simEnv();
const loop = new Loop(env);
const entry = { name: "sim", create: () => env };
const names = new DnsNames("type", { a: 1 });
const task = workerTask(() => 1, []);
const notLoop = /loop (5|null|undefined|object Object) is not a Loop/;
const fh = () => portableSocketpair()[0];

const CASES: readonly [name: string, call: () => unknown, message: RegExp][] = [
  ["socketsOf(null)", () => socketsOf(bad(null)), notLoop],
  ["new Sockets({})", () => new Sockets(bad({})), notLoop],
  ["ioOf(5)", () => ioOf(bad(5)), notLoop],
  ["new FileIO({})", () => new FileIO(bad({})), notLoop],
  ["new FileIO(() => 5)", () => new FileIO(() => bad(5)).load("x"), notLoop],
  ["utilOf()", () => utilOf(bad(undefined)), notLoop],
  ["new Util({})", () => new Util(bad({})), notLoop],
  ["debugOf(5)", () => debugOf(bad(5)), /debug 5: it is no Loop/],
  ["new Debugger(5)", () => new Debugger(bad(5)), notLoop],
  ["new WorkerPool(5)", () => new WorkerPool(bad(5)), notLoop],
  ["new Command(5)", () => new Command(bad(5), new Set(), "true", {}), notLoop],
  ["resolver(5)", () => resolver(bad(5)), notLoop],
  ["new Resolver(loop: 5)", () => new Resolver({ loop: bad(5) }), notLoop],
  ["setResolver(, 5)", () => setResolver(undefined, bad(5)), notLoop],
  ["new Handle(loop: 5)", () => new Handle({ fh: fh(), loop: bad(5) }), notLoop],
  ["new Handle(null)", () => new Handle(bad(null)), /make handle: options null are not an object/],
  [
    "its peername",
    () => new Handle({ fh: fh(), peername: bad(5) }),
    /handle: peername 5: it is not/,
  ],
  ["new Loop(, 5)", () => new Loop(env, bad(5)), /make loop: options 5 are not an object/],
  ["onCallbackError", () => new Loop(env, { onCallbackError: bad(5) }), /5 is not a function/],
  ["loop.condvar(5)", () => loop.condvar(bad(5)), /make condvar: arguments 5 are not an object/],
  ["loop.onDispose(5)", () => loop.onDispose(bad(5)), /register onDispose: 5 is not a function/],
  ["new LogRoot(5)", () => new LogRoot(bad(5)), /make log: 5 is no Env with a backend/],
  ["new LogRoot(, null)", () => new LogRoot(env, bad(null)), /make log: options null are not/],
  ["logtapeSink(, null)", () => logtapeSink(loop.log, bad(null)), /LogTape sink: options null are/],
  [
    "Strict.enable(null)",
    () => Strict.enable(bad(null)),
    /enable strict mode: options null are not/,
  ],
  ["guard(, 5)", () => guard(() => {}, bad(5)), /make guard: onError: 5 is not a function/],
  ["sprintf(5)", () => sprintf(bad(5), []), /format 5: it is not a string/],
  ["sprintf(, 5)", () => sprintf("%d", bad(5)), /format "%d": arguments 5 are not an array/],
  ["getservbyname(, s)", () => getservbyname("x", bad(Symbol("s"))), /protocol Symbol\(s\) is not/],
  ["connectTcp(,, null)", () => connectTcp("localhost", 1, bad(null)), /connect: options null are/],
  ["new Collector(null)", () => new Collector(bad(null)), /make collector: options null are not/],
  ["collector.append(5)", () => new Collector().append(bad(5)), /collector: 5 is not a Uint8Array/],
  ["workerTask(,, null)", () => workerTask(() => 1, [], bad(null)), /make job: options null are/],
  [
    "workerTask transfer",
    () => workerTask(() => 1, [], { transfer: bad(5) }),
    /make job: transfer 5 is not an array/,
  ],
  ["workerTask(, 5)", () => workerTask(() => 1, bad(5)), /make job: arguments 5 are not an array/],
  ["forkCall(5)", () => forkCall(bad(5), []), /make job: 5 is neither a function nor/],
  [
    "new WorkerPool(, null)",
    () => new WorkerPool(loop, bad(null)),
    /worker pool: options null are/,
  ],
  ["pool.run(5)", () => new WorkerPool(loop).run(bad(5), bad({})), /run job: 5 is no task/],
  [
    "pool.run(, {})",
    () => new WorkerPool(loop).run(task, bad({})),
    /object Object have no settled/,
  ],
  ["streamPair(5)", () => streamPair(bad(5)), /stream pair: 5 is not a backend/],
  ["backtrace(null)", () => backtrace(bad(null)), /backtrace of null: it is no Error/],
  ["operation(, 5)", () => operation(() => "", bad(5)), /make operation: 5 is not a function/],
  [
    "operation('x')",
    () => operation(bad("x"), function* () {}),
    /operation: "x" is not a function/,
  ],
  ["watchAwaiting(5)", () => watchAwaiting(bad(5)), /watch awaits: 5 is not a function/],
  ["setBridge({})", () => setBridge(bad({})), /set bridge: object Object has no run method/],
  ["dnsPack(, null)", () => dnsPack({}, bad(null)), /pack DNS message: options null are not an/],
  ["new DnsNames(5)", () => new DnsNames(bad(5), {}), /DNS names: prefix 5 makes no sense/],
  ["new DnsNames(, null)", () => new DnsNames("x", bad(null)), /DNS names: names null makes no/],
  ["names.name('x')", () => names.name(bad("x")), /name type "x": it is no number/],
  ["resolver.osConfig(5)", () => new Resolver({ loop }).osConfig(bad(5)), /path 5 is not a path/],
  [
    "new Dns(() => 5)",
    () => new Dns(() => bad(5)).resolver(),
    /look up names: 5 is not a Resolver/,
  ],
  ["new Detector(5)", () => new Detector(bad(5)), /make detector: 5 is no list of backends/],
  ["new Detector([5])", () => new Detector([bad(5)]), /make detector: 5 is no \{ name, create \}/],
  [
    "detector.log('x')",
    () => new Detector([entry]).log(bad("x"), ""),
    /"x" is not a valid logging/,
  ],
  ["new AnyEventApi(5)", () => new AnyEventApi(bad(5)), /make AnyEvent: 5 is not a Detector/],
  ["new TLS(5)", () => new TLS(bad(5)), /options 5 are not an object/],
  ["missing(5)", () => missing(bad(5), env), /check needs of 5: it is no case/],
  ["missing(, 5)", () => missing(loopCases[0], bad(5)), /check needs: 5 is no Env with a backend/],
];

for (const [name, call, message] of CASES) {
  Deno.test(`${name} throws a UsageError that says what is wrong`, () => {
    assert.throws(call, { name: "UsageError", message });
  });
}
