/** Streams that come from elsewhere: of the host, after TLS, of a child. */
import assert from "node:assert/strict";
import { async, rouseCb, rouseWait, unblock, util } from "@anyevent/coro";
import { Handle, Resolver, setResolver, socketsOf } from "@anyevent/loop";
import { DnsServer, zone } from "../../support/dns_server.ts";
import { inSim, onEach, Place, quiet } from "./support.ts";

Deno.test("unblock() takes a Deno.Conn and a child's pipe on the native backend", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const { port } = listener.addr as Deno.NetAddr;
  const client = unblock(await Deno.connect({ hostname: "127.0.0.1", port }));
  const server = unblock(await accepted);
  const thread = async(() => server.readline());
  await client.print("by the host\n");
  assert.deepEqual(await thread.join(), ["by the host\n"]);
  client.close();
  assert.equal(await server.readline(), undefined);
  server.close();
  listener.close();

  const child = new Deno.Command("deno", {
    args: ["eval", "--no-check", "console.log('one\\ntwo')"],
    stdout: "piped",
  }).spawn();
  const out = unblock(child.stdout);
  const lines: string[] = [];
  for await (const line of out) lines.push(line);
  assert.deepEqual(lines, ["one", "two"]);
  out.close();
  await child.status;
  await quiet();
});

inSim("unblock() says where streams of the host are not taken", function* () {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.throws(() => unblock(listener as never), { name: "UsageError", message: /sim/ });
  listener.close();
});

onEach("a handle goes on after a TLS handshake", function* ({ loop }) {
  const up = rouseCb<[h: Handle, success: boolean, message: string]>();
  using server = socketsOf(loop).tcpServer("127.0.0.1", 0, (fh) => {
    const handle: Handle = new Handle({
      fh,
      loop,
      tls: "accept",
      onStarttls: () =>
        void async(function* () {
          using peer = unblock(handle);
          for (let line; (line = yield* peer.readline()) !== undefined;) {
            yield* peer.print("secret ", line);
          }
        }),
    });
  });
  const handle = new Handle({
    connect: ["127.0.0.1", server.port],
    loop,
    tls: "connect",
    onStarttls: up,
  });
  assert.throws(() => unblock(handle), { name: "UsageError", message: /not connected/ });
  const [, success, message] = yield* rouseWait(up);
  assert.equal(success, true, message);
  using client = unblock(handle);
  yield* client.print("word\n");
  assert.equal(yield* client.readline(), "secret word\n");
  yield* client.print("x".repeat(100_000), "\n");
  assert.equal((yield* client.readline())?.length, 100_008);
}, ["native", "pure", "ffi"]);

Deno.test("gethostbyaddr() asks the DNS for the name of an address", async () => {
  const place = new Place("sim");
  const server = await DnsServer.start(
    place.env,
    zone([["1.0.0.10.in-addr.arpa", "ptr", "in", 1, "host.example"]]),
  );
  const resolver = new Resolver({ loop: place.loop, server: [server.address] });
  setResolver(resolver);
  await place.run(function* () {
    assert.equal(yield* util.gethostbyaddr("10.0.0.1"), "host.example");
    assert.equal(yield* util.gethostbyaddr(Uint8Array.of(10, 0, 0, 1)), "host.example");
    assert.equal(yield* util.gethostbyaddr("10.0.0.2"), undefined);
    server[Symbol.dispose]();
    setResolver(undefined, place.loop);
  });
});
