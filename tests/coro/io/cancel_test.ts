import assert from "node:assert/strict";
import {
  aio,
  async,
  cede,
  type Coro,
  type CoroHandle,
  CoroSocket,
  http,
  idle,
  idleUpto,
  poll,
  readable,
  select,
  sleep,
  storable,
  util,
  writable,
} from "@anyevent/coro";
import type { ByteStream, Operation } from "@anyevent/loop";
import { bytes, onEach, type Place } from "./support.ts";

/** What there is to wait for. */
interface Scene {
  readonly place: Place;
  readonly h: CoroHandle;
  readonly peer: ByteStream;
  readonly port: number | string;
}

/** Everything that can block, in a state in which it does. */
const BLOCKING: Readonly<Record<string, (scene: Scene) => Operation<unknown>>> = {
  "sleep()": () => sleep(100),
  "poll()": () => poll(),
  "idle()": () => idle(),
  "idleUpto()": () => idleUpto(100),
  "readable()": ({ peer }) => readable(peer),
  "readable() with a time": ({ peer }) => readable(peer, 100),
  "readable() with no time": ({ peer }) => readable(peer, 0),
  "writable()": ({ h }) => writable(h, 100),
  "readline()": ({ h }) => h.readline(),
  "readline() with a limit": ({ h }) => h.readline("\n", { timeout: 100 }),
  "readline(undefined)": ({ h }) => h.readline(undefined),
  "read()": ({ h }) => h.read(5),
  "readPartial()": ({ h }) => h.readPartial(),
  "eof()": ({ h }) => h.eof(),
  "h.readable()": ({ h }) => h.readable(),
  "h.writable()": ({ h }) => h.writable(),
  "each()": ({ h }) =>
    h.each(function* () {
      yield* cede();
    }),
  "print()": ({ h }) => h.print("more than fits"),
  "write() with a limit": ({ h }) => h.write("more than fits", { timeout: 100 }),
  "connect()": ({ port }) => CoroSocket.connect({ host: "127.0.0.1", port }),
  "connect() with limits": ({ port }) =>
    CoroSocket.connect({ host: "127.0.0.1", port }, {
      timeout: 100,
      signal: new AbortController().signal,
    }),
  "select()": ({ h, peer }) => select([h, peer], [h], 100),
  "gethostbyname()": () => util.gethostbyname("no-such-name.invalid"),
  "fetch": () =>
    http.get("http://127.0.0.1/", {
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(init.signal!.reason));
        }),
    }),
};

function* blocked(op: Operation<unknown>, print: (text: string) => void) {
  try {
    yield* op;
    print("not blocked");
  } catch (error) {
    print((error as Error).message);
  } finally {
    print("cleaned up");
  }
}

/** What of the loop is in use; connections come and go as their other ends do. */
function watched(place: Place): Record<string, number> {
  const { timers, ios, idles, held, attempts } = place.left;
  return { timers, ios, idles, held, attempts };
}

for (const timeout of [undefined, 100]) {
  onEach(`cancel and throw leave nothing of what waits, timeout ${timeout}`, function* (place) {
    using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
    for (const [name, make] of Object.entries(BLOCKING)) {
      for (const how of ["cancel", "throw"] as const) {
        const [h, peer] = place.pair({ timeout }, 4);
        // Neither readable nor writable.
        yield* h.write("1234");
        const scene: Scene = { place, h, peer: h.fh!, port: server.port };
        void peer;
        let before = watched(place);
        let thread: Coro<unknown> | undefined;
        // What is over in the next turn was, when that came too early.
        for (let tries = 0; thread === undefined || thread.isZombie; tries++) {
          assert.ok(tries < 50, `${name} does not block`);
          place.printed.length = 0;
          before = watched(place);
          thread = async(blocked, make(scene), place.print);
          yield* cede();
        }
        if (how === "cancel") thread.cancel();
        else thread.throw(new Error("thrown"));
        // A cancel is done when it returns; what is thrown is when the thread has run.
        if (how === "throw") yield* thread.join();
        const after = watched(place);
        assert.equal(thread.isZombie, true);
        assert.deepEqual(after, before, `${name} left something after ${how}`);
        assert.deepEqual(
          place.printed,
          how === "cancel" ? ["cleaned up"] : ["thrown", "cleaned up"],
          name,
        );
        h.close();
      }
    }
  }, timeout === undefined ? undefined : ["sim", "native"]);
}

onEach("what a cancelled reader would have got is for the next one", function* (place) {
  const [h, peer] = place.pair();
  const first = async(() => h.readline());
  yield* cede();
  peer.tryWrite(bytes("line\nand"));
  // Woken, and cancelled before it runs.
  while (!first.isReady && !first.isZombie) yield* poll();
  if (!first.isZombie) first.cancel();
  else h.unread("line\n");
  assert.equal(yield* h.readline(), "line\n");
  const third = async(() => h.read(10));
  yield* poll();
  third.throw(new Error("stop"));
  let message = "";
  try {
    yield* third.join();
  } catch (error) {
    message = (error as Error).message;
  }
  assert.equal(message, "stop");
  assert.equal(new TextDecoder().decode(h.rbuf), "and");
  h.close();
});

onEach("a cancelled accept() leaves the connection for the next one", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { timeout: 100 });
  const first = async(() => server.accept());
  const second = async(() => server.accept());
  yield* cede();
  first.cancel();
  using client = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  const [socket] = yield* second.join();
  socket!.close();
  client.close();
  const third = async(() => server.accept());
  yield* cede();
  third.throw(new Error("stop"));
  let message = "";
  try {
    yield* third.join();
  } catch (error) {
    message = (error as Error).message;
  }
  assert.equal(message, "stop");
});

onEach("a thread that waits for storable is cancelled without taking the lock", function* () {
  const held = yield* storable.guard();
  const waiting = async(() => storable.freeze([1]));
  yield* cede();
  waiting.cancel();
  held.release();
  assert.deepEqual(yield* storable.thaw(yield* storable.freeze([1])), [1]);
}, ["sim"]);

onEach("a cancelled request for a file tells nobody", function* ({ name }) {
  const path = name === "sim" ? "/" : "deno.json";
  const thread = async(() => aio.stat(path));
  yield* cede();
  thread.cancel();
  assert.equal(thread.isZombie, true);
  // The host goes on with what it has begun.
  while (aio.stats().requests > 0) yield* sleep(0.001);
});
