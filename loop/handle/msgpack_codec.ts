import { messageOf, show, UsageError } from "@anyevent/backends/contract";

/** Turns values into bytes and back: what `msgpackr`, `@std/msgpack` and others export fits. */
export interface BytesCodec {
  /** Writes a value. May throw. */
  encode(value: unknown): Uint8Array;
  /** Reads a whole value. May throw. */
  decode(bytes: Uint8Array): unknown;
}

/** Nesting that is still written; a value that contains itself ends here, too. */
const DEEPEST = 100;
const LARGEST = 2n ** 64n;
const SMALLEST = -(2n ** 63n);

let codec: BytesCodec | undefined;
let loading: Promise<BytesCodec> | undefined;

/** The built-in MessagePack codec, when it has been loaded. */
export function loadedMsgpack(): BytesCodec | undefined {
  return codec;
}

/**
 * Loads the MessagePack codec, which a handle does by itself at the first use of that type.
 *
 * Numbers are written as MessagePack integers or floats, bigints as 64-bit integers; 64-bit integers are
 * read as bigints.
 *
 * @returns the codec
 * @example In virtual time nothing should wait for the host: load it before
 * ```ts
 * import { loadMsgpack } from "@anyevent/loop";
 *
 * const { encode, decode } = await loadMsgpack();
 * console.log(decode(encode({ n: 2n ** 60n }))); // { n: 1152921504606846976n }
 * ```
 */
export function loadMsgpack(): Promise<BytesCodec> {
  return loading ??= load();
}

async function load(): Promise<BytesCodec> {
  // Loaded here because it takes longer than all the rest of this package.
  const { encode, decode } = await import("@msgpack/msgpack");
  codec = {
    encode(value) {
      checkMsgpack(value);
      return encode(value, { useBigInt64: true, maxDepth: DEEPEST + 1 });
    },
    decode: (bytes) => decode(bytes, { useBigInt64: true }),
  };
  return codec;
}

/** A copy that later changes do not reach. @throws {UsageError} for what cannot be written */
export function copyForMsgpack(value: unknown): unknown {
  checkMsgpack(value);
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new UsageError(`Cannot write msgpack: ${messageOf(cause)}`, { cause });
  }
}

function checkMsgpack(value: unknown, depth = 0): void {
  switch (typeof value) {
    case "bigint":
      if (value < LARGEST && value >= SMALLEST) return;
      throw new UsageError(`Cannot write msgpack: ${show(value)} has more than 64 bits`);
    case "function":
    case "symbol":
      throw new UsageError(`Cannot write msgpack: ${show(value)} is no data`);
    case "object":
      if (value === null || ArrayBuffer.isView(value) || value instanceof Date) return;
      if (depth >= DEEPEST) {
        throw new UsageError(`Cannot write msgpack: the value is nested deeper than ${DEEPEST}`);
      }
      for (const each of Object.values(value)) checkMsgpack(each, depth + 1);
  }
}
