/** TLS of handles over real sockets, on every backend that has them. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { createServer } from "node:tls";
import { type ByteStream, type Handle, type HandleOptions, TLS, UsageError } from "@anyevent/loop";
import { authority, BACKENDS, certificate, Real } from "./tls_support.ts";

const ca = await authority("Test CA");
const otherCa = await authority("Another CA");
const [good, wild, plain, expired, early, foreign, alice] = await Promise.all([
  certificate(ca, "server", ["server.test", "127.0.0.1"]),
  certificate(ca, "server", ["*.wild.test", "www*.part.test"]),
  certificate(ca, "plain.test", []),
  certificate(ca, "server", ["server.test"], -30),
  certificate(ca, "server", ["server.test"], 30),
  certificate(otherCa, "server", ["server.test"]),
  certificate(ca, "alice", []),
]);

const UP = "TLS connection established";

/** Ends the way both handles of a handshake that fails at the client may tell it. */
function refused(events: readonly string[], name: string, why: RegExp): void {
  const own = events.filter((event) => event.startsWith(name));
  assert(own.some((event) => event.startsWith(`${name} false`) && why.test(event)), `${events}`);
}

for (const [backend, makeEnv] of BACKENDS) {
  const test = (name: string, run: (real: Real) => Promise<void>): void => {
    Deno.test(`${backend}: ${name}`, async () => {
      await using real = new Real(makeEnv());
      await run(real);
    });
  };

  test("a context verifies the server and its name, and the server sees whom it is asked for", async (real) => {
    const tlsCtx = new TLS({ caCert: ca.cert, verifyPeername: "https" });
    const cases = [[good, "server.test"], [wild, "www.wild.test"], [wild, "www7.part.test"], [
      plain,
      "plain.test",
    ], [good, "127.0.0.1"]] as const;
    for (const [own, peername] of cases) {
      const [client, server] = await real.pair({ tls: "connect", tlsCtx, peername }, {
        tls: "accept",
        tlsCtx: own,
      });
      assert.deepEqual(await real.take(2), [`client true ${UP}`, `server true ${UP}`]);
      assert.equal(client.secured!.verified, true);
      assert.equal(server.secured!.verified, false);
      assert.equal(
        server.secured!.serverName,
        peername === "127.0.0.1" ? undefined : peername,
      );
      client.pushWrite("ping\n");
      assert.equal(await server.read("line"), "ping");
    }
  });

  test("a context refuses a server of another authority, name or time", async (real) => {
    const tlsCtx = new TLS({ caCert: ca.cert, verifyPeername: "http" });
    const smtp = new TLS({ caCert: ca.cert, verifyPeername: "smtp" });
    const cases = [
      [tlsCtx, foreign, "server.test", /authority|certificate/],
      [tlsCtx, expired, "server.test", /not valid now|expired/],
      [tlsCtx, early, "server.test", /not valid now|not yet valid/],
      [tlsCtx, good, "other.test", /not for other\.test: it names "server\.test", "127\.0\.0\.1"/],
      [tlsCtx, wild, "a.b.wild.test", /not for a\.b\.wild\.test/],
      [tlsCtx, wild, "wild.test", /not for wild\.test/],
      [tlsCtx, plain, "127.0.0.1", /not for 127\.0\.0\.1: it names "plain\.test"/],
      [smtp, wild, "www.wild.test", /not for www\.wild\.test/],
      [new TLS({ verify: true }), good, "server.test", /authority|certificate/],
    ] as const;
    for (const [context, own, peername, why] of cases) {
      const [client, server] = await real.pair(
        { tls: "connect", tlsCtx: context, peername },
        { tls: "accept", tlsCtx: own, onStarttls: undefined, onError: () => {}, onRead: () => {} },
      );
      client.pushWrite("secret");
      server.onRead(() => real.note("server read"));
      await real.until(() => real.events.some((event) => event.startsWith("client")));
      refused(real.events.splice(0), "client", why);
      assert.equal(client.destroyed, true);
    }
  });

  test("a callback decides about the peer, and only by true", async (real) => {
    const seen: unknown[] = [];
    const answers: unknown[] = [true, false, Promise.resolve(true), 1];
    for (const answer of answers) {
      const tlsCtx: TLS = new TLS({
        caCert: ca.cert,
        verifyPeername: (tls, peername, { peerNames }) => {
          seen.push([tls === tlsCtx, peername, peerNames.commonName]);
          return answer as boolean;
        },
      });
      await real.pair({ tls: "connect", tlsCtx, peername: "anybody" }, {
        tls: "accept",
        tlsCtx: good,
        onStarttls: undefined,
        onError: () => {},
        onRead: () => {},
        onEof: () => {},
      });
      const [event] = await real.take(1);
      assert.match(event, answer === true ? /^client true/ : /^client false .*anybody/);
    }
    assert.deepEqual(seen, answers.map(() => [true, "anybody", "server"]));
  });

  test("a server asks for a client's certificate, and requires it if so told", async (real) => {
    const strict = { ...good, caCert: ca.cert, verifyRequireClientCert: true };
    const loose = { ...good, caCert: ca.cert };
    for (
      const [tlsCtx, own, verified] of [
        [strict, alice, true],
        [loose, alice, true],
        [loose, {}, false],
      ] as const
    ) {
      const [, server] = await real.pair(
        { tls: "connect", tlsCtx: { caCert: ca.cert, ...own } },
        { tls: "accept", tlsCtx },
      );
      assert.deepEqual(await real.take(2), [`client true ${UP}`, `server true ${UP}`]);
      assert.equal(server.secured!.verified, verified);
      assert.equal(server.secured!.peerNames.commonName, verified ? "alice" : undefined);
    }
    for (const [tlsCtx, own] of [[strict, {}], [strict, foreign], [loose, foreign]] as const) {
      await real.pair(
        {
          tls: "connect",
          tlsCtx: { caCert: ca.cert, ...own },
          onStarttls: () => {},
          onError: () => {},
        },
        { tls: "accept", tlsCtx },
      );
      const [event] = await real.take(1);
      assert.match(event, /^server false /);
    }
  });

  test("a dialogue goes over to TLS in the middle, as the client and as the server", async (real) => {
    const tlsCtx = { caCert: ca.cert, verifyPeername: "smtp" } as const;
    // The server of the dialogue plays one end of TLS, then the other.
    for (const [ours, theirs] of [["accept", "connect"], ["connect", "accept"]] as const) {
      const contexts = { connect: tlsCtx, accept: { ...good } };
      const [client, server] = await real.pair({ peername: "server.test" }, {
        peername: "server.test",
      });
      server.pushWrite("220 server.test\r\n");
      server.pushRead("line", (h, line) => {
        h.pushWrite(`250 ${line}\r\n`);
        h.pushRead("line", (h, line) => {
          assert.equal(line, "STARTTLS");
          // In plain text, then all at once behind it in TLS.
          h.pushWrite("220 go ahead\r\n");
          h.starttls(ours, contexts[ours]);
          h.pushWrite("250 hidden\r\n");
          h.pushRead("line", (h, line) => h.pushWrite(`250 ${line}\r\n221 bye\r\n`));
        });
      });
      assert.equal(await client.read("line"), "220 server.test");
      client.pushWrite("EHLO me\r\nSTARTTLS\r\n");
      assert.equal(await client.read("line"), "250 EHLO me");
      assert.equal(await client.read("line"), "220 go ahead");
      client.starttls(theirs, contexts[theirs]);
      client.pushWrite("QUIT\r\n");
      assert.equal(await client.read("line"), "250 hidden");
      assert.equal(await client.read("line"), "250 QUIT");
      assert.equal(await client.read("line"), "221 bye");
      assert.deepEqual(await real.take(2), [`client true ${UP}`, `server true ${UP}`]);
      assert.deepEqual(client.secured!.binding, server.secured!.binding);
    }
  });

  test("what a plain-text attacker adds before TLS is not read as part of it", async (real) => {
    const [client, peer] = await real.against({ peername: "server.test" });
    const text = new TextEncoder();
    client.pushWrite("STARTTLS\r\n");
    client.pushRead("line", (h) => {
      h.starttls("connect", { caCert: ca.cert, verifyPeername: "http" });
      h.pushRead("line", (_h, line) => real.note(`read ${line}`));
    });
    peer.tryWrite(text.encode("220 go\r\n250 injected\r\n"));
    const [event] = await real.take(1);
    assert.match(event, /^handle false /);
    peer.close();
  });

  test("big data in both directions right behind the handshake is complete, and stoptls ends it", async (real) => {
    const big = "x".repeat(1_000_000);
    const options: HandleOptions = { onStarttls: undefined };
    const [client, server] = await real.pair(
      { ...options, tls: "connect", tlsCtx: { caCert: ca.cert } },
      { ...options, tls: "accept", tlsCtx: good, onStoptls: () => real.note("stopped") },
    );
    client.pushWrite("netstring", big);
    server.pushWrite("netstring", big);
    const [up, down] = await Promise.all([server.read("netstring"), client.read("netstring")]);
    assert.deepEqual([up!.length, down!.length], [big.length, big.length]);
    client.stoptls();
    assert.deepEqual(await real.take(1), ["stopped"]);
    assert.equal(server.destroyed, false);
  });

  test("garbage in place of a handshake fails at either end, told or as a fatal error", async (real) => {
    for (const tls of ["connect", "accept"] as const) {
      for (const onStarttls of [undefined, () => real.note("told")]) {
        const options = onStarttls === undefined ? { onStarttls } : { onStarttls };
        const [h, peer] = await real.against({ tls, tlsCtx: good, ...options });
        peer.tryWrite(new TextEncoder().encode("HTTP/1.1 400 no TLS here, not at all\r\n\r\n"));
        const [event] = await real.take(1);
        assert.match(event, onStarttls === undefined ? /^handle error true EPROTO / : /^told$/);
        assert.equal(h.destroyed, true);
        peer.close();
      }
    }
  });

  test("a peer that vanishes at any stage of the handshake fails it", async (real) => {
    // What a client and a server say until it is over, cut off after so many bytes.
    for (const tls of ["connect", "accept"] as const) {
      // Behind its hello a client says little more.
      for (const cut of [0, 3, 60, tls === "connect" ? 400 : "hello"] as const) {
        const [h, relayed] = await relay(real, tls, cut);
        await real.until(() => real.events.some((event) => event.startsWith("cut")));
        refused(real.events.splice(0), "cut", /./);
        assert.equal(h.destroyed, true);
        for (const stream of relayed) stream.close();
      }
    }
  });

  test("a handshake that never ends runs into the timeout of the handle", async (real) => {
    for (const tls of ["connect", "accept"] as const) {
      const [h, peer] = await real.against({
        tls,
        tlsCtx: good,
        timeout: 0.05,
        onTimeout: (h: Handle) => {
          real.note("timeout");
          h.destroy();
        },
      });
      h.pushWrite("never sent");
      assert.deepEqual(await real.take(1), ["timeout"]);
      peer.close();
    }
  });

  test("destroy() during a handshake calls nobody and closes the stream", async (real) => {
    const [h, peer] = await real.against({ tls: "connect", onConnect: () => real.note("up") });
    await real.take(1);
    h.destroy();
    const reader = real.handle("peer", {
      fh: peer,
      onStarttls: undefined,
      onRead: (h) => {
        h.rbuf = new Uint8Array();
      },
      onEof: () => real.note("eof"),
    });
    assert.deepEqual(await real.take(1), ["eof"]);
    reader.destroy();
  });

  test("both ends agree on a protocol", async (real) => {
    const [client, server] = await real.pair(
      { tls: "connect", tlsCtx: { caCert: ca.cert, alpn: ["smtp", "x"] } },
      { tls: "accept", tlsCtx: { ...good, alpn: ["x"] } },
    );
    await real.take(2);
    assert.deepEqual([client.secured!.version, client.secured!.alpn], ["TLSv1.3", "x"]);
    assert.equal(server.secured!.alpn, "x");
  });

  test("TLS 1.2 is spoken where it must be, has no channel binding, and can be refused", async (real) => {
    const old = createServer({ ...good, maxVersion: "TLSv1.2" }, (socket) => {
      socket.on("error", () => {});
      socket.end("hello\n");
    });
    old.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
    const { port } = old.address() as { port: number };
    const options: HandleOptions = { connect: ["127.0.0.1", port], tls: "connect" };
    const h = real.handle("old", { ...options, tlsCtx: { caCert: ca.cert } });
    assert.equal(await h.read("line"), "hello");
    assert.deepEqual(await real.take(1), [`old true ${UP}`]);
    assert.equal(h.secured!.version, "TLSv1.2");
    assert.equal(h.secured!.verified, true);
    assert.throws(() => h.secured!.binding, UsageError);
    real.handle("new", { ...options, tlsCtx: { caCert: ca.cert, minVersion: "TLSv1.3" } });
    assert.match((await real.take(1))[0], /^new false /);
    h.destroy();
    await new Promise((resolve) => old.close(resolve));
  });

  test("keys and certificates come from files, read once, and a password", async (real) => {
    await Deno.mkdir("tests/.tmp", { recursive: true });
    const folder = await Deno.makeTempDir({ dir: "tests/.tmp" });
    const encrypted = createPrivateKey(good.key).export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "open sesame",
    }) as string;
    await Deno.writeTextFile(`${folder}/key.pem`, encrypted);
    await Deno.writeTextFile(`${folder}/cert.pem`, good.cert);
    await Deno.writeTextFile(`${folder}/ca.pem`, `${otherCa.cert}\n${ca.cert}`);
    let asked = 0;
    const server = new TLS({
      keyFile: `${folder}/key.pem`,
      certFile: `${folder}/cert.pem`,
      certPassword: () => (asked++, Promise.resolve("open sesame")),
    });
    const client = new TLS({ caFile: `${folder}/ca.pem` });
    const two = async (): Promise<void> => {
      await real.pair({ tls: "connect", tlsCtx: client }, { tls: "accept", tlsCtx: server });
      assert.deepEqual(await real.take(2), [`client true ${UP}`, `server true ${UP}`]);
    };
    await two();
    await Deno.remove(folder, { recursive: true });
    await two();
    assert.equal(asked, 1);
    // A key that does not fit, and a password that does not.
    const key = { key: encrypted, cert: good.cert };
    for (const tlsCtx of [{ ...good, key: foreign.key }, key, { ...key, certPassword: "x" }]) {
      const quiet = { onStarttls: () => {}, onError: () => {} };
      await real.pair({ tls: "connect", ...quiet }, { tls: "accept", tlsCtx });
      assert.match((await real.take(1))[0], /^server false .*(keyPassword|not that of cert)/);
    }
    const lost = { caFile: `${folder}/ca.pem` };
    const [h, peer] = await real.against({ tls: "connect", tlsCtx: lost });
    assert.match((await real.take(1))[0], /^handle false Cannot load caFile for TLS/);
    assert.equal(h.destroyed, true);
    peer.close();
  });
}

/** A handle that plays one end against another handle; its peer's side vanishes after `cut` bytes. */
async function relay(
  real: Real,
  tls: "connect" | "accept",
  cut: number | "hello",
): Promise<[Handle, ByteStream[]]> {
  const client = tls === "connect" ? "cut" : "whole";
  const server = tls === "connect" ? "whole" : "cut";
  const fronts: ByteStream[] = [];
  const backs: ByteStream[] = [];
  const both = Promise.withResolvers<void>();
  const quiet: HandleOptions = { onStarttls: () => {}, onError: () => {} };
  let target: Handle | undefined;
  const back = real.listen((fh) => {
    const made = real.handle(server, {
      fh,
      tls: "accept",
      tlsCtx: good,
      ...server === "whole" ? quiet : {},
    });
    if (server === "cut") target = made;
  });
  const front = real.listen((stream) => {
    fronts.push(stream);
    real.env.net.connect({ transport: "tcp", host: "127.0.0.1", port: back }, (_error, other) => {
      backs.push(other!);
      both.resolve();
    });
  });
  const made = real.handle(client, {
    connect: ["127.0.0.1", front],
    tls: "connect",
    tlsCtx: { caCert: ca.cert },
    ...client === "whole" ? quiet : {},
  });
  if (client === "cut") target = made;
  await both.promise;
  const [a, b] = [fronts[0], backs[0]];
  const vanish = (): void => {
    for (const undo of undos) undo();
    a.close();
    b.close();
  };
  let left = cut === "hello" ? Infinity : cut;
  /** Carries bytes from one to the other; those to the handle under test are counted. */
  const carry = (from: ByteStream, to: ByteStream, counted: boolean): () => void =>
    real.env.backend.io(from, "r", () => {
      const into = new Uint8Array(65536);
      const count = from.tryRead(into);
      if (count === null) return vanish();
      const part = counted ? Math.min(count, left) : count;
      to.tryWrite(into.subarray(0, part));
      if (!counted) return;
      left -= part;
      if (left === 0 || cut === "hello") vanish();
    });
  const undos = [carry(a, b, server === "cut"), carry(b, a, client === "cut")];
  if (cut === 0) vanish();
  while (target === undefined) await real.loop.sleep(0.001);
  return [target, [a, b]];
}
