import { type ByteStream, type Redirection, show, UsageError } from "@anyevent/backends/contract";
import { type Callback, toFunction } from "../callback.ts";
import { Collector } from "./collector.ts";
import type { Sink } from "./pump.ts";

/**
 * Gets what a command prints, piece by piece, then once `undefined` at the end. The next piece is read when
 * a promise or operation that it returns is done.
 */
export type OutputCallback = Callback<[data: Uint8Array | undefined]>;

/**
 * Where a command's output goes:
 *
 * - `"inherit"` (default): where this process's goes; `"null"`: nowhere
 * - another string: a file of that name, which is made or emptied
 * - a {@linkcode Collector}, which appends it; the same one may serve standard output and error
 * - a {@linkcode OutputCallback}
 * - a stream of the loop, which is not closed by it
 */
export type OutputTarget = string | Collector | OutputCallback | ByteStream;

/** Gives the next piece of input, maybe later; nothing or an empty one: the end. */
export type InputCallback = () =>
  | string
  | Uint8Array
  | undefined
  | PromiseLike<string | Uint8Array | undefined>;

/**
 * Where a command's input comes from:
 *
 * - `"inherit"` (default): where this process's comes from; `"null"`: there is none
 * - another string: the file of that name
 * - bytes, or text as `{ text }`
 * - an {@linkcode InputCallback}
 * - a stream of the loop, which is read to its end and not closed by it
 */
export type InputSource =
  | string
  | Uint8Array
  | { readonly text: string }
  | InputCallback
  | ByteStream;

/** What is to be done for one of the three, checked. */
export type Plan =
  | { readonly kind: "direct"; readonly to: Redirection }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "sink"; readonly sink: Sink }
  | { readonly kind: "feed"; readonly feed: () => unknown }
  | { readonly kind: "stream"; readonly stream: ByteStream };

function isStream(value: unknown): value is ByteStream {
  const stream = value as Partial<ByteStream> | null;
  return typeof stream === "object" && stream !== null && typeof stream.tryRead === "function" &&
    typeof stream.tryWrite === "function";
}

function planText(text: string, name: string): Plan {
  if (text === "inherit" || text === "null") return { kind: "direct", to: text };
  if (text === "" || text.includes("\0")) {
    throw new UsageError(`Cannot run command: ${name} ${show(text)} is not the name of a file`);
  }
  return { kind: "file", path: text };
}

/** Checks where output goes. */
export function planOutput(target: OutputTarget | undefined, name: string): Plan {
  if (target === undefined) return { kind: "direct", to: "inherit" };
  if (typeof target === "string") return planText(target, name);
  if (target instanceof Collector) {
    return { kind: "sink", sink: (bytes) => bytes && target.append(bytes) };
  }
  if (isStream(target)) return { kind: "stream", stream: target };
  const call = toFunction<[Uint8Array | undefined]>(target, `run command: ${name}`);
  return { kind: "sink", sink: (bytes) => call(bytes) };
}

/** Checks where input comes from. */
export function planInput(source: InputSource | undefined): Plan {
  if (source === undefined) return { kind: "direct", to: "inherit" };
  if (typeof source === "string") return planText(source, "stdin");
  if (isStream(source)) return { kind: "stream", stream: source };
  if (typeof source === "function") {
    return { kind: "feed", feed: toFunction(source, "run command: stdin") };
  }
  const data = source instanceof Uint8Array ? source.slice() : source?.text;
  if (data === undefined || (typeof data !== "string" && !(data instanceof Uint8Array))) {
    throw new UsageError(
      `Cannot run command: stdin ${
        show(source)
      } is none of file name, bytes, { text }, callback, stream`,
    );
  }
  let given = false;
  return {
    kind: "feed",
    feed: () => {
      const now = given ? undefined : data;
      given = true;
      return now;
    },
  };
}
