import assert from "node:assert/strict";
import { aio, async, http, sleep, util } from "@anyevent/coro";
import { bytes, inSim, onEach, text } from "./support.ts";

onEach("aio: a thread opens, writes, reads, renames and removes", function* (place) {
  const folder = place.name === "sim" ? "/work" : yield* folderOf();
  if (place.name === "sim") yield* aio.mkdir(folder);
  const path = `${folder}/a`;
  const fh = yield* aio.open(path, aio.O_RDWR | aio.O_CREAT, 0o600);
  assert.equal(yield* aio.write(fh, "hello, file"), 11);
  assert.equal(yield* aio.seek(fh, 7, 0), 7);
  assert.equal(text(yield* aio.read(fh, 100)), "file");
  yield* aio.close(fh);
  assert.equal((yield* aio.stat(path)).size, 11);
  yield* aio.rename(path, `${path}b`);
  let code = "";
  try {
    yield* aio.load(path);
  } catch (error) {
    code = (error as { code: string }).code;
  }
  assert.equal(code, "ENOENT");
  // Several at once: each in a thread.
  const loads = [1, 2, 3].map(() => async(() => aio.load(`${path}b`)));
  for (const load of loads) {
    const [data] = yield* load.join();
    assert.equal(text(data), "hello, file");
  }
  yield* aio.unlink(`${path}b`);
  yield* aio.rmdir(folder);
});

function* folderOf() {
  Deno.mkdirSync("tests/.tmp", { recursive: true });
  return Deno.makeTempDirSync({ dir: "tests/.tmp", prefix: "aio_" });
}

onEach("util looks names up in the loop of the thread", function* () {
  assert.deepEqual(yield* util.inetAton("localhost"), Uint8Array.of(127, 0, 0, 1));
  assert.equal(yield* util.inetAton("::1"), undefined);
  assert.equal(yield* util.inetAton("unix/"), undefined);
  assert.deepEqual(yield* util.gethostbyname("127.1"), {
    name: "127.1",
    addresses: ["127.0.0.1"],
  });
  const targets = yield* util.resolveSockaddr("127.0.0.1", "http");
  assert.deepEqual(targets[0].address, { transport: "tcp", host: "127.0.0.1", port: 80 });
  for (
    const wrong of [
      () => util.inetAton(5 as never),
      () => util.gethostbyname(undefined as never),
      () => util.gethostbyaddr("localhost"),
      () => util.gethostbyaddr("unix/"),
      () => util.gethostbyaddr(5 as never),
      () => util.resolveSockaddr("127.0.0.1", "no such service"),
    ]
  ) assert.throws(wrong, { name: "UsageError" }, String(wrong));
});

inSim("http: cancel and limits abort the request, errors say whose they are", function* () {
  const signals: AbortSignal[] = [];
  const never = (_url: unknown, init?: RequestInit): Promise<Response> => {
    signals.push(init!.signal!);
    return new Promise((_resolve, reject) => {
      init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
    });
  };
  const thread = async(() => http.get("http://127.0.0.1/", { fetch: never }));
  yield* sleep(1);
  thread.cancel();
  assert.equal(signals[0].aborted, true);
  let name = "";
  try {
    yield* http.get("http://127.0.0.1/", { fetch: never, timeout: 5 });
  } catch (error) {
    name = (error as Error).name;
  }
  assert.equal(name, "TimeoutError");
  assert.equal(signals[1].aborted, true);
  let failed: unknown;
  try {
    yield* http.get("http://127.0.0.1/", {
      fetch: () => Promise.reject(new TypeError("client error (Connect)")),
    });
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "PeerError");
  assert.match((failed as Error).message, /Cannot fetch http:\/\/127.0.0.1\/: client error/);
  try {
    yield* http.get("http://127.0.0.1/", {
      fetch: () => Promise.resolve(new Response("too long")),
      max: 3,
    });
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as { code: string }).code, "EMSGSIZE");
  for (
    const wrong of [
      () => http.get(5 as never),
      () => http.get("x", 5 as never),
      () => http.get("x", { fetch: 5 as never }),
      () => http.get("x", { max: -1 }),
      () => http.get("x", { signal: 5 as never }),
    ]
  ) assert.throws(wrong, { name: "UsageError" }, String(wrong));
});

Deno.test("http.get() and request() with the real fetch", async () => {
  const { promise: gone, resolve: abandoned } = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/slow") {
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(bytes("begun")),
          cancel: () => abandoned(),
        }),
      );
    }
    return new Response(`${request.method} ${pathname}`, { status: pathname === "/x" ? 404 : 200 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const { status, ok, text, headers } = await http.get(`${url}/x`, { method: "PUT", body: "b" });
  assert.deepEqual([status, ok, text], [404, false, "PUT /x"]);
  assert.match(headers.get("content-type")!, /text/);
  const response = await http.request(new URL("/y", url));
  assert.equal(await response.text(), "GET /y");
  const slow = async(() => http.get(`${url}/slow`));
  const head = await http.request(`${url}/slow`);
  const reader = head.body!.getReader();
  await reader.read();
  await reader.cancel();
  slow.cancel();
  await gone;
  const refused = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = refused.addr as Deno.NetAddr;
  refused.close();
  await assert.rejects(async () => await http.get(`http://127.0.0.1:${port}/`), {
    name: "PeerError",
  });
  await server.shutdown();
});
