import assert from "node:assert/strict";
import { AE, AnyEvent, AnyEventApi, defaultLoop, Detector, Log, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

function api(env: Record<string, string> = {}) {
  const platform = manualEnv({ env });
  const detector = new Detector([{ name: "manual", create: () => platform }]);
  return { env: platform, any: new AnyEventApi(detector), detector };
}

Deno.test("AnyEvent.log and logger work on the default loop's log, in the context main", () => {
  const { env, any, detector } = api({ ANYEVENT_VERBOSE: "5" });
  assert.equal(any.log("warn", "%s!", "x"), true);
  assert.equal(any.log("note", "x"), false);
  const logger = any.logger("warn");
  assert.equal(logger.log("y"), true);
  assert.deepEqual(env.logged.map((it) => it.message), ["x!", "y"]);
  detector.defaultLoop().log.ctx("main").level(0);
  assert.equal(logger.enabled, false);
});

Deno.test("AnyEvent.VERBOSE is that of the environment, and can be set", () => {
  const { any } = api({ AE_VERBOSE: "7" });
  assert.equal(any.VERBOSE, 7);
  any.VERBOSE = 3;
  assert.equal(any.VERBOSE, 3);
  assert.equal(any.log("error", "x"), false);
  assert.throws(() => any.VERBOSE = 11, UsageError);
});

Deno.test("AnyEvent.protocols is what the sockets use", () => {
  assert.deepEqual(api().any.protocols, ["ipv4", "ipv6"]);
  assert.deepEqual(api({ AE_PROTOCOLS: "ipv6" }).any.protocols, ["ipv6"]);
  const { any } = api({ PERL_ANYEVENT_PROTOCOLS: "ipv6,ipv4" });
  assert.deepEqual(any.protocols, ["ipv6", "ipv4"]);
  any.protocols = ["ipv4"];
  assert.deepEqual(any.protocols, ["ipv4"]);
  assert.throws(() => any.protocols = [], UsageError);
});

Deno.test("Log, AE and AnyEvent share the default loop's log", () => {
  const { log } = defaultLoop();
  assert.equal(Log.root, log);
  assert.equal(Log.COLLECT, log.COLLECT);
  assert.equal(Log.FILTER, log.FILTER);
  assert.equal(Log.LOG, log.LOG);
  assert.equal(Log.ctx("A"), log.ctx("A"));
  const got: string[] = [];
  try {
    Log.configure("main=+,only,info");
    Log.ctx("main").logCb((_line, { message }) => void got.push(message));
    assert.equal(AE.log("info", "a"), true);
    assert.equal(AE.log("warn", "b"), false);
    assert.equal(AE.logger("info").log("c"), true);
    assert.equal(Log.log("info", "d"), true);
    assert.equal(Log.logger("info").enabled, true);
    assert.equal(AnyEvent.log("info", "e"), true);
    assert.deepEqual(got, ["a", "c", "d", "e"]);
  } finally {
    Log.reset();
  }
  assert.equal(Log.logger("info").enabled, false);
});
