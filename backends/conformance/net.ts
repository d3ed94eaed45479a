import type { Env } from "../contract/env.ts";
import type { PeerError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { type Case, deferred, elapsed, type Support } from "./case.ts";
import { check, equal, throws } from "./expect.ts";
import { pattern, readAll, socketPair } from "./streams.ts";

const LOOPBACK: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

/** Sockets: connecting, listening, refusing. What streams do is in `io.ts`. */
export const netCases: readonly Case[] = [
  {
    name: "connect() and listen() tell both ends' addresses",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const [server, client] = await socketPair(env);
      equal(server.remote, client.local, "the client's address");
      equal(server.local, client.remote, "the server's address");
      check(/^127\.0\.0\.1:\d+$/.test(client.remote), `address ${client.remote}`);
      client.setNoDelay(true);
      client.setKeepAlive(true);
      server.close();
      client.close();
    },
  },
  {
    name: "connect() calls back with ECONNREFUSED where nobody listens, never inside the call",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const listener = env.net.listen(LOOPBACK, () => {});
      listener.close();
      // The host may let go of the port a moment later.
      await elapsed(env, 0.005);
      const done = deferred<PeerError | undefined>();
      let called = false;
      env.net.connect(listener.address, (error) => {
        called = true;
        done.resolve(error);
      });
      equal(called, false, "called inside the call");
      const error = await done.promise;
      equal([error?.name, error?.code], ["PeerError", "ECONNREFUSED"], "error");
    },
  },
  {
    name: "an aborted connect() calls nobody",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const accepted: ByteStream[] = [];
      const listener = env.net.listen(LOOPBACK, (stream) => accepted.push(stream));
      const log: string[] = [];
      const undo = env.net.connect(listener.address, () => log.push("called"));
      undo();
      undo();
      await elapsed(env, 0.01);
      equal(log, [], "called after undo");
      listener.close();
      for (const stream of accepted) stream.close();
    },
  },
  {
    name: "listen() throws EADDRINUSE inside the call",
    needs: ["net"],
    run(env: Env): void {
      const listener = env.net.listen(LOOPBACK, () => {});
      check((listener.address as { port: number }).port > 0, "the port is not known");
      const error = throws(
        () => env.net.listen(listener.address, () => {}),
        "PeerError",
        "second listen",
      );
      equal((error as PeerError).code, "EADDRINUSE", "code");
      listener.close();
      listener.close();
    },
  },
  {
    name: "a closed listener accepts nobody and leaves accepted streams alone",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const [server, client] = await socketPair(env);
      server.tryWrite(pattern(4));
      server.shutdown();
      equal((await readAll(env, client)).length, 4, "bytes after the listener closed");
      server.close();
      client.close();
    },
  },
  {
    name: "a hundred connections at once",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const count = 100;
      const served: ByteStream[] = [];
      const listener = env.net.listen(LOOPBACK, (stream) => {
        served.push(stream);
        const undo = env.backend.io(stream, "r", () => {
          const into = new Uint8Array(8);
          const got = stream.tryRead(into);
          if (got === null) {
            undo();
            stream.shutdown();
          } else stream.tryWrite(into.subarray(0, got));
        });
      });
      const echoes = Array.from({ length: count }, async (_, i) => {
        const done = deferred<ByteStream>();
        env.net.connect(listener.address, (error, stream) => {
          if (stream === undefined) done.reject(error);
          else done.resolve(stream);
        });
        const stream = await done.promise;
        stream.tryWrite(new Uint8Array([i]));
        stream.shutdown();
        const echo = await readAll(env, stream);
        stream.close();
        return [...echo];
      });
      equal(await Promise.all(echoes), Array.from({ length: count }, (_, i) => [i]), "echoes");
      for (const stream of served) stream.close();
      listener.close();
    },
  },
  {
    name: "a reset comes after what had arrived, as PeerError",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const [server, client] = await socketPair(env);
      client.tryWrite(pattern(1000));
      await elapsed(env, 0.005);
      // Bytes that nobody has read make closing a reset.
      server.close();
      const done = deferred<unknown>();
      const undo = env.backend.io(client, "r", () => {
        try {
          if (client.tryRead(new Uint8Array(10)) === null) done.resolve(null);
        } catch (thrown) {
          done.resolve(thrown);
        }
      });
      const end = await done.promise as PeerError | null;
      undo();
      check(
        end === null || (end.name === "PeerError" && end.code === "ECONNRESET"),
        `neither end of file nor ECONNRESET but ${end?.name} ${end?.code}`,
      );
      client.close();
    },
  },
  {
    name: "a peer that closes before it has read everything resets the connection",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const [server, client] = await socketPair(env);
      // More than one that reads ahead may have taken off the system.
      const chunk = pattern(65536);
      for (let full = 0; full < 5;) {
        if (client.tryWrite(chunk) > 0) full = 0;
        else {
          full++;
          await elapsed(env, 0.002);
        }
      }
      server.close();
      const done = deferred<unknown>();
      const undo = env.backend.io(client, "r", () => {
        try {
          if (client.tryRead(new Uint8Array(10)) === null) done.resolve("end of file");
        } catch (thrown) {
          done.resolve(thrown);
        }
      });
      const end = await done.promise as PeerError;
      undo();
      equal(end?.name ?? end, "PeerError", "reading");
      check(["ECONNRESET", "EPIPE"].includes(end.code), `code ${end.code}`);
      throws(() => client.tryWrite(pattern(1)), "PeerError", "writing");
      client.close();
    },
  },
  {
    name: "a listener may be closed inside its callback",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      const accepted: ByteStream[] = [];
      const done = deferred();
      const listener = env.net.listen(LOOPBACK, (stream) => {
        accepted.push(stream);
        listener.close();
        done.resolve();
      });
      const clients: ByteStream[] = [];
      const settled = Array.from({ length: 5 }, () => {
        const outcome = deferred();
        env.net.connect(listener.address, (_error, stream) => {
          if (stream !== undefined) clients.push(stream);
          outcome.resolve();
        });
        return outcome.promise;
      });
      await done.promise;
      // Those that had been queued are refused or reset, as the system likes; none is accepted.
      await Promise.all(settled);
      await elapsed(env, 0.005);
      equal(accepted.length, 1, "accepted");
      for (const stream of [...accepted, ...clients]) stream.close();
    },
  },
  {
    name: "an accepted stream may be closed at once, also with the listener",
    needs: ["net"],
    async run(env: Env): Promise<void> {
      for (let i = 0; i < 5; i++) {
        const listener = env.net.listen(LOOPBACK, (stream) => {
          stream.close();
          listener.close();
        });
        const done = deferred<ByteStream>();
        env.net.connect(listener.address, (error, stream) => {
          if (stream === undefined) done.reject(error);
          else done.resolve(stream);
        });
        const client = await done.promise;
        equal((await readAll(env, client)).length, 0, "bytes");
        client.close();
      }
    },
  },
  {
    name: "a callback of connect() or listen() that throws harms no other",
    needs: ["net", "faults"],
    async run(env: Env, { faults }: Support): Promise<void> {
      const accepted: ByteStream[] = [];
      const both = deferred();
      const listener = env.net.listen(LOOPBACK, (stream) => {
        accepted.push(stream);
        if (accepted.length === 2) both.resolve();
        throw new Error("accepted");
      });
      const clients: ByteStream[] = [];
      for (let i = 0; i < 2; i++) {
        const connected = deferred();
        env.net.connect(listener.address, (_error, stream) => {
          if (stream !== undefined) clients.push(stream);
          connected.resolve();
          throw new Error("connected");
        });
        await connected.promise;
      }
      await both.promise;
      await elapsed(env, 0.002);
      equal(
        faults!.map(String).toSorted(),
        ["Error: accepted", "Error: accepted", "Error: connected", "Error: connected"],
        "faults",
      );
      faults!.length = 0;
      listener.close();
      for (const stream of [...accepted, ...clients]) stream.close();
    },
  },
  {
    name: "addresses that make no sense are refused",
    needs: ["net"],
    run(env: Env): void {
      const bad = [
        { transport: "tcp", host: "127.0.0.1", port: 70000 },
        { transport: "tcp", host: "", port: 1 },
        { transport: "tcp", host: "127.0.0.1", port: NaN },
        { transport: "tcp", host: "127.0.0.1", port: -1 },
        { transport: "tcp", host: "127.0.0.1", port: "80" },
        { transport: "unix", path: "" },
        { transport: "unix", path: "a\0b" },
        { transport: "smoke" },
        undefined,
      ] as unknown as Address[];
      for (const address of bad) {
        throws(() => env.net.connect(address, () => {}), "UsageError", "connect");
        throws(() => env.net.listen(address, () => {}), "UsageError", "listen");
      }
    },
  },
];
