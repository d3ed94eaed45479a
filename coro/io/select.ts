import { type IoMode, show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type Seconds, seconds } from "@anyevent/loop";
import { currentLoop } from "./anyevent.ts";
import { CoroHandle } from "./handle.ts";
import { StreamWait, type Watched } from "./stream_wait.ts";

/** What {@linkcode select} found. */
export interface Selected<R, W> {
  /** How many are ready, both kinds together; 0 when the time is over. */
  readonly count: number;
  /** Those that can be read from, in the order given. */
  readonly read: readonly R[];
  /** Those that can be written to, in the order given. */
  readonly write: readonly W[];
}

/**
 * Blocks until some of several streams are ready, or the time is over; without any streams it sleeps.
 *
 * End of file, errors and a closed stream count as ready. Follows `Coro::Select::select`; the set for errors
 * is part of `read`.
 *
 * @param read streams to read from, or `CoroHandle`s (of which unread bytes count)
 * @param write streams to write to
 * @param timeout seconds; 0: one look; absent: for ever
 * @throws {UsageError} for what cannot be watched, a time that is none, or nothing to wait for
 * @example
 * ```ts
 * import { select } from "@anyevent/coro";
 * import { defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * const { read, write, count } = await select([a, b], [b], 1);
 * console.log(count, read.length, write[0] === b); // 1 0 true
 * ```
 */
export function select<R = never, W = never>(
  read: readonly R[] = [],
  write: readonly W[] = [],
  timeout?: Seconds,
): Operation<Selected<R, W>> {
  for (const set of [read, write]) {
    if (!Array.isArray(set)) throw new UsageError(`Cannot select: ${show(set)} is not an array`);
  }
  const limit = timeout === undefined ? Infinity : seconds(timeout, "select");
  if (limit === Infinity && read.length + write.length === 0) {
    throw new UsageError("Cannot select: there is neither a stream nor a time to wait for");
  }
  const loop = currentLoop();
  const watched = [...read.map((fh) => watch(fh, "r")), ...write.map((fh) => watch(fh, "w"))];
  const bad = watched.find(({ source }) => !loop.env.backend.accepts(source));
  if (bad !== undefined) {
    throw new UsageError(
      `Cannot select: the backend ${loop.env.backend.name} cannot watch ${show(bad.source)}`,
    );
  }
  const describe = (): string => `select(${read.length}, ${write.length})`;
  const selected = (ready: (index: number) => boolean): Selected<R, W> => {
    const readers = read.filter((_fh, index) => ready(index));
    const writers = write.filter((_fh, index) => ready(read.length + index));
    return { count: readers.length + writers.length, read: readers, write: writers };
  };
  return operation(describe, function* () {
    const unread = read.map((fh) => fh instanceof CoroHandle && fh.rbuf.length > 0);
    // What is there already does not hide what else is ready.
    const wait = new StreamWait(loop, watched, unread.includes(true) ? 0 : limit, describe);
    yield* wait.run();
    return selected((index) => unread[index] === true || wait.ready.has(index));
  });
}

function watch(fh: unknown, mode: IoMode): Watched {
  if (!(fh instanceof CoroHandle)) return { source: fh, mode };
  if (fh.fh === undefined) throw new UsageError("Cannot select: a handle is closed");
  return { source: fh.fh, mode };
}
