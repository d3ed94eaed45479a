import type { Env } from "../contract/env.ts";
import type { PeerError } from "../contract/errors.ts";
import type { Address, Datagram, DatagramSocket } from "../contract/net.ts";
import { type Case, deferred, elapsed, needed } from "./case.ts";
import { check, equal, throws } from "./expect.ts";
import { pattern } from "./streams.ts";

const LOOPBACK: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

function open(env: Env, on: Address = LOOPBACK): Promise<DatagramSocket> {
  needed(env.net.udp, "net.udp");
  const done = deferred<DatagramSocket>();
  env.net.udp!(on, (error, socket) => {
    if (socket === undefined) done.reject(error);
    else done.resolve(socket);
  });
  return done.promise;
}

/** The next `count` datagrams. */
function receive(env: Env, socket: DatagramSocket, count: number): Promise<Datagram[]> {
  const all: Datagram[] = [];
  const done = deferred<Datagram[]>();
  const undo = env.backend.io(socket, "r", () => {
    const datagram = socket.tryReceive();
    if (datagram === undefined) return;
    all.push(datagram);
    if (all.length < count) return;
    undo();
    done.resolve(all);
  });
  return done.promise;
}

/** UDP: datagrams go whole or not at all. */
export const udpCases: readonly Case[] = [
  {
    name: "udp: a datagram arrives whole, with its sender's address, and can be answered",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [server, client] = [await open(env), await open(env)];
      check((server.local as { port: number }).port > 0, "the port is not known");
      equal(client.trySend(pattern(1200), server.local), true, "sent");
      const [asked] = await receive(env, server, 1);
      equal(asked.bytes, pattern(1200), "bytes");
      equal(asked.from, client.local, "sender");
      server.trySend(pattern(3, 2), asked.from);
      const [answer] = await receive(env, client, 1);
      equal([answer.bytes, answer.from], [pattern(3, 2), server.local], "answer");
      server.close();
      client.close();
    },
  },
  {
    name: "udp: datagrams are never cut or joined",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [server, client] = [await open(env), await open(env)];
      const lengths = [1, 1400, 2, 9000, 3];
      for (const length of lengths) client.trySend(pattern(length, length), server.local);
      const got = await receive(env, server, lengths.length);
      equal(got.map(({ bytes }) => bytes.length).sort(), [...lengths].sort(), "lengths");
      for (const { bytes } of got) equal(bytes, pattern(bytes.length, bytes.length), "bytes");
      equal(server.tryReceive(), undefined, "nothing more");
      server.close();
      client.close();
    },
  },
  {
    name: "udp: the bytes of trySend() may be used again at once",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [server, client] = [await open(env), await open(env)];
      const bytes = pattern(100);
      client.trySend(bytes, server.local);
      bytes.fill(0);
      equal((await receive(env, server, 1))[0].bytes, pattern(100), "bytes");
      server.close();
      client.close();
    },
  },
  {
    name: "udp: readable is level-triggered, writable when a datagram would be taken",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [server, client] = [await open(env), await open(env)];
      const writable = deferred();
      const undoWrite = env.backend.io(client, "w", () => {
        undoWrite();
        client.trySend(pattern(5), server.local);
        writable.resolve();
      });
      await writable.promise;
      const third = deferred();
      let calls = 0;
      const undo = env.backend.io(server, "r", () => {
        if (++calls === 3) third.resolve();
      });
      await third.promise;
      undo();
      equal(server.tryReceive()?.bytes.length, 5, "length");
      const after = calls;
      await elapsed(env, 0.01);
      equal(calls, after, "calls after undo");
      server.close();
      client.close();
    },
  },
  {
    name: "udp: it calls back once, never inside the call, and not at all when undone",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      let called = false;
      const done = deferred<DatagramSocket | undefined>();
      const undoFirst = env.net.udp!(LOOPBACK, (_error, socket) => {
        called = true;
        done.resolve(socket);
      });
      equal(called, false, "called inside the call");
      const socket = await done.promise;
      undoFirst();
      check(socket !== undefined, "there is no socket");
      socket!.trySend(pattern(1), socket!.local);
      equal((await receive(env, socket!, 1)).length, 1, "still open");
      socket!.close();
      const log: string[] = [];
      const undo = env.net.udp!(LOOPBACK, () => log.push("called"));
      undo();
      undo();
      await elapsed(env, 0.01);
      equal(log, [], "called after undo");
    },
  },
  {
    name: "udp: an address in use is EADDRINUSE, and free again after close()",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const first = await open(env);
      const done = deferred<PeerError | undefined>();
      env.net.udp!(first.local, (error) => done.resolve(error));
      const error = await done.promise;
      equal([error?.name, error?.code], ["PeerError", "EADDRINUSE"], "error");
      first.close();
      // The host may let go of the port a moment later.
      await elapsed(env, 0.005);
      (await open(env, first.local)).close();
    },
  },
  {
    name: "udp: a closed socket calls nobody and refuses its use",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [server, client] = [await open(env), await open(env)];
      const log: string[] = [];
      const undo = env.backend.io(server, "r", () => log.push("called"));
      client.trySend(pattern(1), server.local);
      server.close();
      server.close();
      await elapsed(env, 0.01);
      equal(log, [], "called after close");
      throws(() => server.tryReceive(), "ClosedError", "tryReceive");
      throws(() => server.trySend(pattern(1), client.local), "ClosedError", "trySend");
      undo();
      client.close();
    },
  },
  {
    name: "udp: what is sent where nobody is bound is lost without a word",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const [gone, client] = [await open(env), await open(env)];
      gone.close();
      await elapsed(env, 0.005);
      equal(client.trySend(pattern(1), gone.local), true, "first");
      await elapsed(env, 0.005);
      client.trySend(pattern(2), client.local);
      equal((await receive(env, client, 1))[0].bytes.length, 2, "the socket works on");
      client.close();
    },
  },
  {
    name: "udp: a datagram that is too big is EMSGSIZE",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const socket = await open(env);
      const error = throws(
        () => socket.trySend(new Uint8Array(65508), socket.local),
        "PeerError",
        "trySend",
      );
      equal((error as PeerError).code, "EMSGSIZE", "code");
      socket.close();
    },
  },
  {
    name: "udp: addresses that make no sense are refused",
    needs: ["udp"],
    async run(env: Env): Promise<void> {
      const bad = [
        { transport: "tcp", host: "127.0.0.1", port: 70000 },
        { transport: "tcp", host: "", port: 1 },
        { transport: "unix", path: "/x" },
        { transport: "smoke" },
        undefined,
      ] as unknown as Address[];
      const socket = await open(env);
      for (const address of bad) {
        throws(() => env.net.udp!(address, () => {}), "UsageError", "udp");
        throws(() => socket.trySend(pattern(1), address), "UsageError", "trySend");
      }
      throws(() => socket.trySend(pattern(1), { ...LOOPBACK }), "UsageError", "port 0");
      socket.close();
    },
  },
];
