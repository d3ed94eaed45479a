import type { Env } from "../contract/env.ts";
import { PeerError } from "../contract/errors.ts";
import type { Secured, TlsOptions, TlsRole } from "../contract/net.ts";
import { streamPair } from "../contract/pipe.ts";
import type { ByteStream } from "../contract/stream.ts";
import { type Case, deferred, elapsed } from "./case.ts";
import { check, equal } from "./expect.ts";
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
