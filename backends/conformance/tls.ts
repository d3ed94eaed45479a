import type { Env } from "../contract/env.ts";
import { PeerError } from "../contract/errors.ts";
import type { Secured, TlsOptions, TlsRole } from "../contract/net.ts";
import { streamPair } from "../contract/pipe.ts";
import type { ByteStream } from "../contract/stream.ts";
import { type Case, deferred, elapsed } from "./case.ts";
import { AUTHORITY, CLIENT, OTHER_AUTHORITY, SERVER } from "./certificates.ts";
import { check, equal, throws } from "./expect.ts";
import { pattern, readAll, readUpTo, sameBytes, socketPair, writeAll } from "./streams.ts";

function secure(
  env: Env,
  stream: ByteStream,
  role: TlsRole,
  options: TlsOptions = {},
): Promise<Secured> {
  const done = deferred<Secured>();
  env.net.secure(stream, role, options, (error, secured) => {
    if (secured === undefined) done.reject(error);
    else done.resolve(secured);
  });
  return done.promise;
}

/** Both ends, after a handshake over sockets: [server, client]. */
async function securedPair(env: Env): Promise<[Secured, Secured]> {
  const [server, client] = await socketPair(env);
  return await Promise.all([secure(env, server, "server"), secure(env, client, "client")]);
}

function close(...ends: readonly Secured[]): void {
  for (const { stream } of ends) stream.close();
}

/** How both ends fared, [server, client]: a failed one has closed its stream. */
async function outcomes(
  env: Env,
  server: TlsOptions,
  client: TlsOptions,
): Promise<[Secured | undefined, Secured | undefined]> {
  const [a, b] = await socketPair(env);
  const outcome = (end: Promise<Secured>): Promise<Secured | undefined> =>
    end.catch((error) => {
      check(error instanceof PeerError, `failed with ${error}`);
      return undefined;
    });
  const both = await Promise.all([
    outcome(secure(env, a, "server", server)),
    outcome(secure(env, b, "client", client)),
  ]);
  for (const end of both) end?.stream.close();
  return both;
}

/** Encryption in place. */
export const tlsCases: readonly Case[] = [
  {
    name: "secure() carries bytes both ways and both ends of file",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [server, client] = await securedPair(env);
      const up = pattern(400000, 21);
      const down = pattern(300000, 22);
      const atServer = readAll(env, server.stream);
      const atClient = readAll(env, client.stream);
      await Promise.all([writeAll(env, client.stream, up), writeAll(env, server.stream, down)]);
      client.stream.shutdown();
      check(sameBytes(await atServer, up), "bytes to the server were lost or swapped");
      server.stream.tryWrite(pattern(3));
      server.stream.shutdown();
      equal((await atClient).length, down.length + 3, "bytes to the client");
      close(server, client);
    },
  },
  {
    name: "secure() gives both ends the same binding, another one each time",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [server, client] = await securedPair(env);
      const [otherServer, otherClient] = await securedPair(env);
      const { clientFinished, serverFinished } = server.binding;
      check(clientFinished.length > 0 && serverFinished.length > 0, "empty");
      check(sameBytes(clientFinished, client.binding.clientFinished), "client's differs");
      check(sameBytes(serverFinished, client.binding.serverFinished), "server's differs");
      check(!sameBytes(clientFinished, serverFinished), "client's and server's are the same");
      check(!sameBytes(clientFinished, otherServer.binding.clientFinished), "repeats");
      close(server, client, otherServer, otherClient);
    },
  },
  {
    name: "secure() starts with the bytes already read",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [server, client] = await socketPair(env);
      const atClient = secure(env, client, "client");
      const rest = await readUpTo(env, server, 20);
      equal(rest.length, 20, "bytes already read");
      const ends = await Promise.all([secure(env, server, "server", { rest }), atClient]);
      ends[1].stream.tryWrite(pattern(5));
      equal((await readUpTo(env, ends[0].stream, 5)).length, 5, "bytes");
      close(...ends);
    },
  },
  {
    name: "secure() works over any stream",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [a, b] = streamPair(env.backend, { capacity: 1000 });
      const ends = await Promise.all([secure(env, a, "server"), secure(env, b, "client")]);
      const bytes = pattern(50000, 23);
      const [got] = await Promise.all([
        readUpTo(env, ends[0].stream, bytes.length),
        writeAll(env, ends[1].stream, bytes),
      ]);
      check(sameBytes(got, bytes), "bytes were lost or swapped");
      close(...ends);
    },
  },
  {
    name: "secure() holds the writer back when the reader is slow",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [a, b] = streamPair(env.backend);
      const [server, client] = await Promise.all([
        secure(env, a, "server"),
        secure(env, b, "client"),
      ]);
      // Reading starts and stops, so that what comes then has to wait somewhere.
      client.stream.tryWrite(pattern(1));
      await readUpTo(env, server.stream, 1);
      const chunk = pattern(65536, 24);
      let sent = 0;
      for (let idle = 0; idle < 5;) {
        const count = client.stream.tryWrite(chunk);
        sent += count;
        check(sent < 1 << 26, "the writer is never held back");
        if (count > 0) idle = 0;
        else {
          idle++;
          await elapsed(env, 0.002);
        }
      }
      client.stream.shutdown();
      equal((await readAll(env, server.stream)).length, sent, "bytes");
      close(server, client);
    },
  },
  {
    name: "secure() fails with PeerError on a peer that does not speak TLS",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      for (const role of ["server", "client"] as const) {
        const [a, b] = await socketPair(env);
        const failed = secure(env, a, role).then(() => undefined, (error) => error);
        b.tryWrite(new TextEncoder().encode("this is certainly no TLS record at all\r\n"));
        b.shutdown();
        const error: unknown = await failed;
        check(error instanceof PeerError, `${role}: ${error}`);
        b.close();
      }
    },
  },
  {
    name: "secure() fails with PeerError when the peer hangs up",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      for (const role of ["server", "client"] as const) {
        const [a, b] = await socketPair(env);
        const failed = secure(env, a, role).then(() => undefined, (error) => error);
        b.close();
        const error: unknown = await failed;
        check(error instanceof PeerError, `${role}: ${error}`);
      }
    },
  },
  {
    name: "secure() verifies the server against an authority, and tells its names",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const options = { ca: AUTHORITY, serverName: "server.test" };
      const [server, client] = await outcomes(env, SERVER, options);
      if (server === undefined || client === undefined) throw new Error("refused");
      equal(client.verified, true, "verified");
      equal(server.verified, false, "the server has verified nobody");
      equal(client.peerNames, {
        commonName: "server",
        altNames: [
          { type: "dns", value: "server.test" },
          { type: "dns", value: "*.wild.test" },
          { type: "ip", value: "127.0.0.1" },
          { type: "ip", value: "::1" },
          { type: "email", value: "ops@server.test" },
          { type: "uri", value: "aemp:server" },
        ],
      }, "names");
      equal(server.serverName, "server.test", "host that the client means");
      equal([server.version, client.version], ["TLSv1.3", "TLSv1.3"], "version");
      equal(server.peerCertificate ?? null, null, "certificate of a client without one");
      equal(server.peerNames.altNames, [], "names of a client without a certificate");
    },
  },
  {
    name: "secure() refuses a server from another authority, or without a certificate of one",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [, other] = await outcomes(env, SERVER, { ca: OTHER_AUTHORITY });
      equal(other === undefined, true, "other authority");
      const [, ephemeral] = await outcomes(env, {}, { ca: AUTHORITY });
      equal(ephemeral === undefined, true, "ephemeral certificate");
      const [, system] = await outcomes(env, SERVER, { verify: true });
      equal(system === undefined, true, "the host's authorities");
      const [, any] = await outcomes(env, SERVER, {});
      equal([any?.verified, any?.peerNames.commonName], [false, "server"], "nothing verified");
    },
  },
  {
    name: "secure() verifies a client's certificate, or goes without when it need not be",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const strict = { ...SERVER, ca: AUTHORITY, requireClientCert: true };
      const loose = { ...SERVER, ca: AUTHORITY };
      const wrong = { ...SERVER, ca: OTHER_AUTHORITY };
      const known = { ca: AUTHORITY, ...CLIENT };
      for (const options of [strict, loose]) {
        const [server] = await outcomes(env, options, known);
        equal([server?.verified, server?.peerNames.commonName], [true, "client"], "known client");
        equal(
          server?.peerNames.altNames,
          [{ type: "email", value: "client@server.test" }],
          "names",
        );
      }
      equal((await outcomes(env, strict, {}))[0] === undefined, true, "none, but required");
      const [server] = await outcomes(env, loose, { ca: AUTHORITY });
      equal([server?.verified, server?.peerCertificate], [false, undefined], "none, not required");
      equal((await outcomes(env, wrong, known))[0] === undefined, true, "from another authority");
      const required = { ...wrong, requireClientCert: true };
      equal((await outcomes(env, required, known))[0] === undefined, true, "and required");
    },
  },
  {
    name: "secure() agrees on a protocol, or fails when there is none in common",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const agreed = async (server: string[], client: string[]): Promise<unknown> => {
        const ends = await outcomes(env, { alpn: server }, { alpn: client });
        return ends.map((end) => end === undefined ? "failed" : end.alpn ?? null);
      };
      equal(await agreed(["b", "a"], ["a", "b"]), ["b", "b"], "what the server likes most");
      equal(await agreed([], ["a"]), [null, null], "server without");
      equal(await agreed(["a"], ["b"]), ["failed", "failed"], "none in common");
    },
  },
  {
    name: "secure() refuses options that make no sense before it touches the stream",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [a, b] = await socketPair(env);
      const wrong: readonly object[] = [
        { key: SERVER.key },
        { cert: "x" },
        { cert: SERVER.cert },
        { cert: SERVER.cert, key: SERVER.cert },
        { ca: "none" },
        { ca: [] },
        { certificate: AUTHORITY, ca: AUTHORITY },
        { verify: false, requireClientCert: true },
        { verify: "yes" },
        { serverName: "127.0.0.1" },
        { serverName: "a..b" },
        { minVersion: "TLSv1" },
        { alpn: [""] },
        { keyPassword: 1 },
      ];
      for (const options of wrong) {
        const call = (): unknown => env.net.secure(a, "server", options, () => {});
        throws(call, "UsageError", JSON.stringify(options).slice(0, 60));
      }
      a.tryWrite(pattern(2));
      equal((await readUpTo(env, b, 2)).length, 2, "bytes");
      a.close();
      b.close();
    },
  },
  {
    name: "an aborted secure() calls nobody and closes the stream",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      const [a, b] = await socketPair(env);
      const log: string[] = [];
      const undo = env.net.secure(a, "client", {}, () => log.push("called"));
      undo();
      undo();
      await readAll(env, b);
      equal(log, [], "called after undo");
      b.close();
    },
  },
];
