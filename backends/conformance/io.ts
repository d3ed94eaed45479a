import type { Env } from "../contract/env.ts";
import { streamPair } from "../contract/pipe.ts";
import type { ByteStream } from "../contract/stream.ts";
import { type Case, deferred, elapsed, type Need, type Support, turned } from "./case.ts";
import { check, equal, throws } from "./expect.ts";
import { pattern, readAll, readUpTo, sameBytes, socketPair, writeAll } from "./streams.ts";

/** Rule 5, over one kind of stream. */
function casesOver(
  kind: string,
  needs: readonly Need[],
  pair: (env: Env) => Promise<[ByteStream, ByteStream]> | [ByteStream, ByteStream],
): Case[] {
  return [
    {
      name: `io() is level-triggered over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const bytes = pattern(10);
        a.tryWrite(bytes);
        let calls = 0;
        const got: number[] = [];
        const done = deferred();
        const undo = env.backend.io(b, "r", () => {
          calls++;
          const into = new Uint8Array(4);
          const count = b.tryRead(into);
          got.push(...into.subarray(0, count ?? 0));
          if (got.length === 10) done.resolve();
        });
        equal(calls, 0, "called inside the call");
        await done.promise;
        equal(got, [...bytes], "bytes");
        await elapsed(env, 0.005);
        equal(calls, 3, "calls for 4 + 4 + 2 bytes");
        undo();
        a.close();
        b.close();
      },
    },
    {
      name: `end of file is readable in every turn over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        a.shutdown();
        let ends = 0;
        const done = deferred();
        const undo = env.backend.io(b, "r", () => {
          if (b.tryRead(new Uint8Array(1)) === null && ++ends === 3) done.resolve();
        });
        await done.promise;
        undo();
        equal(b.tryRead(new Uint8Array(1)), null, "end of file is for ever");
        throws(() => a.tryWrite(pattern(1)), "ClosedError", "write after shutdown");
        a.close();
        b.close();
      },
    },
    {
      name: `two readers share one stream, beside a writer, over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const bytes = pattern(300000, 3);
        const got: number[] = [];
        let mine = 0;
        let others = 0;
        const done = deferred();
        const read = (): number => {
          const into = new Uint8Array(1000);
          const count = b.tryRead(into) ?? 0;
          for (let i = 0; i < count; i++) got.push(into[i]);
          if (got.length === bytes.length) done.resolve();
          return count;
        };
        const undoFirst = env.backend.io(b, "r", () => {
          if (read() > 0) mine++;
        });
        const undoSecond = env.backend.io(b, "r", () => {
          if (read() > 0) others++;
        });
        const back = readAll(env, a);
        await Promise.all([writeAll(env, a, bytes), writeAll(env, b, bytes), done.promise]);
        undoFirst();
        undoSecond();
        b.shutdown();
        check(sameBytes(new Uint8Array(got), bytes), "bytes were lost or swapped");
        check(sameBytes(await back, bytes), "bytes of the writer were lost or swapped");
        check(mine > 0 && others > 0, `one reader starved (${mine}, ${others})`);
        a.close();
        b.close();
      },
    },
    {
      name: `undoing a watcher loses nothing over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const bytes = pattern(2000, 5);
        a.tryWrite(bytes.subarray(0, 1000));
        const head = await readUpTo(env, b, 10);
        a.tryWrite(bytes.subarray(1000));
        await elapsed(env, 0.005);
        a.shutdown();
        const tail = await readAll(env, b);
        check(sameBytes(head, bytes.subarray(0, 10)), "head");
        check(sameBytes(tail, bytes.subarray(10)), "bytes were lost");
        a.close();
        b.close();
      },
    },
    {
      name: `undo is final for a sibling called in the same turn over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const log: string[] = [];
        const done = deferred();
        const undoFirst = env.backend.io(b, "r", () => {
          log.push("first");
          undoSecond();
          undoFirst();
          done.resolve();
        });
        const undoSecond = env.backend.io(b, "r", () => log.push("second"));
        a.tryWrite(pattern(1));
        await done.promise;
        await elapsed(env, 0.003);
        equal(log, ["first"], "what ran");
        undoSecond();
        a.close();
        b.close();
      },
    },
    {
      name: `many small writes arrive in order over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const bytes = pattern(20000, 9);
        const all = readAll(env, b);
        for (let at = 0; at < bytes.length; at += 10) {
          equal(a.tryWrite(bytes.subarray(at, at + 10)), 10, "taken");
          if (at % 2000 === 0) await turned(env);
        }
        a.shutdown();
        check(sameBytes(await all, bytes), "bytes were lost or swapped");
        a.close();
        b.close();
      },
    },
    {
      name: `a slow reader holds the writer back over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const chunk = pattern(65536, 11);
        let sent = 0;
        for (let idle = 0; idle < 5;) {
          const count = a.tryWrite(chunk.subarray(sent % 65536));
          sent += count;
          check(sent < 1 << 28, "the writer is never held back");
          if (count > 0) idle = 0;
          else {
            idle++;
            await elapsed(env, 0.002);
          }
        }
        // Whatever fitted into buffers on the way arrives, whole and in order.
        a.shutdown();
        let got = 0;
        let wrong = false;
        const into = new Uint8Array(65536);
        const done = deferred();
        const undo = env.backend.io(b, "r", () => {
          const count = b.tryRead(into);
          if (count === null) return done.resolve();
          for (let i = 0; i < count; i += 997) wrong ||= into[i] !== chunk[(got + i) % 65536];
          got += count;
        });
        await done.promise;
        undo();
        equal(got, sent, "bytes");
        check(!wrong, "bytes were lost or swapped");
        a.close();
        b.close();
      },
    },
    {
      name: `half-close leaves the other direction open over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        a.tryWrite(pattern(5));
        a.shutdown();
        a.shutdown();
        equal((await readAll(env, b)).length, 5, "bytes before the end");
        b.tryWrite(pattern(7));
        b.shutdown();
        equal((await readAll(env, a)).length, 7, "bytes after the end of the other direction");
        a.close();
        b.close();
      },
    },
    {
      name: `a closed stream refuses use and calls nobody over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const log: string[] = [];
        const undo = env.backend.io(b, "r", () => log.push("called"));
        a.tryWrite(pattern(3));
        b.close();
        b.close();
        await elapsed(env, 0.005);
        equal(log, [], "called after close");
        throws(() => b.tryRead(new Uint8Array(1)), "ClosedError", "read after close");
        throws(() => b.tryWrite(pattern(1)), "ClosedError", "write after close");
        undo();
        a.close();
      },
    },
    {
      name: `closing a stream tells its watchers inside the close, once, over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const log: string[] = [];
        const before = env.backend.stats().ios;
        const never = (): void => void log.push("called");
        env.backend.io(b, "r", never, () => log.push("reader told"));
        env.backend.io(b, "w", () => {}, () => log.push("writer told"));
        env.backend.io(b, "r", never, () => log.push("undone, but told"))();
        equal(env.backend.stats().ios, before + 2, "registered");
        b.close();
        equal(log.toSorted(), ["reader told", "writer told"], "told inside the close");
        equal(env.backend.stats().ios, before, "registered after the close");
        b.close();
        a.close();
        await elapsed(env, 0.003);
        equal(log.length, 2, "told or called later");
      },
    },
    {
      name: `a watcher may close the stream: its siblings are told, not called, over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const log: string[] = [];
        const done = deferred();
        for (const name of ["first", "second"]) {
          env.backend.io(b, "r", () => {
            log.push(name);
            b.close();
            done.resolve();
          }, () => log.push(`${name} told`));
        }
        a.tryWrite(pattern(10));
        await done.promise;
        await elapsed(env, 0.003);
        equal(log[0], "first", "who was called");
        equal(log.slice(1).toSorted(), ["first told", "second told"], "who was told");
        a.close();
      },
    },
    {
      name: `watchers may be made and undone inside one over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        const log: string[] = [];
        const done = deferred();
        const undoFirst = env.backend.io(b, "r", () => {
          log.push("first");
          undoFirst();
          const undoSecond = env.backend.io(b, "r", () => {
            log.push("second");
            undoSecond();
            done.resolve();
          });
          log.push("end of first");
        });
        a.tryWrite(pattern(1));
        await done.promise;
        await elapsed(env, 0.003);
        equal(log, ["first", "end of first", "second"], "order");
        equal(b.tryRead(new Uint8Array(4)), 1, "bytes left");
        a.close();
        b.close();
      },
    },
    {
      name: `a peer that ends after any number of bytes loses none over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        for (const count of [0, 1, 2, 3, 7, 1000, 70000]) {
          for (const abruptly of [false, true]) {
            const [a, b] = await pair(env);
            const bytes = pattern(count, count);
            const all = readAll(env, b);
            await writeAll(env, a, bytes);
            // Closing drops what the system has not taken, so the last bytes are waited for.
            while (a.unsent > 0) await turned(env);
            if (abruptly) a.close();
            else a.shutdown();
            check(sameBytes(await all, bytes), `bytes of ${count} were lost`);
            equal(b.tryRead(new Uint8Array(1)), null, "after the end");
            a.close();
            b.close();
          }
        }
      },
    },
    {
      name: `a peer that is gone breaks writing over ${kind}`,
      needs,
      async run(env: Env): Promise<void> {
        const [a, b] = await pair(env);
        a.tryWrite(pattern(100));
        b.close();
        const done = deferred<unknown>();
        const undo = env.backend.io(a, "w", () => {
          try {
            a.tryWrite(pattern(10));
          } catch (thrown) {
            done.resolve(thrown);
          }
        });
        const error = await done.promise as { name?: unknown; code?: unknown };
        undo();
        equal(error.name, "PeerError", "class");
        check(["EPIPE", "ECONNRESET"].includes(String(error.code)), `code ${error.code}`);
        throws(() => a.tryWrite(pattern(1)), "PeerError", "write on a broken stream");
        a.close();
      },
    },
    {
      name: `a watcher that throws stops neither its siblings nor itself over ${kind}`,
      needs: [...needs, "faults"],
      async run(env: Env, { faults }: Support): Promise<void> {
        const [a, b] = await pair(env);
        const done = deferred();
        const undoFirst = env.backend.io(b, "r", () => {
          throw new Error("fault");
        });
        const undoSecond = env.backend.io(b, "r", () => {
          if (faults!.length > 1) done.resolve();
        });
        a.tryWrite(pattern(1));
        await done.promise;
        undoFirst();
        undoSecond();
        faults!.length = 0;
        a.close();
        b.close();
      },
    },
  ];
}

/** Rule 5: streams in memory on every backend, and sockets where it has them. */
export const ioCases: readonly Case[] = [
  ...casesOver("a stream pair", [], (env) => streamPair(env.backend)),
  ...casesOver("sockets", ["net"], socketPair),
  {
    name: "io() refuses what it cannot watch",
    needs: [],
    run(env: Env): void {
      equal(env.backend.accepts({}), false, "accepts({})");
      throws(() => env.backend.io({}, "r", () => {}), "UsageError", "io({})");
      const [a, b] = streamPair(env.backend);
      equal(env.backend.accepts(a), true, "accepts(stream)");
      throws(() => env.backend.io(a, "x" as "r", () => {}), "UsageError", 'io(stream, "x")');
      a.close();
      b.close();
    },
  },
];
