import { show, UsageError } from "@anyevent/backends/contract";
import type { Registration } from "../watcher.ts";
import type { Handle } from "./handle.ts";
import { packFormat } from "./pack_format.ts";
import { type BytesCodec, copyForMsgpack, loadedMsgpack } from "./msgpack_codec.ts";
import { chunk } from "./read_types/chunk.ts";
import { json, type JsonCodec } from "./read_types/json.ts";
import { line } from "./read_types/line.ts";
import { msgpack } from "./read_types/msgpack.ts";
import { netstring } from "./read_types/netstring.ts";
import { packstring } from "./read_types/packstring.ts";
import type { Parse } from "./read_types/parse.ts";
import { regex } from "./read_types/regex.ts";
import { tlsDetect } from "./read_types/tls_detect.ts";

/**
 * The built-in read types: what they take, and what they give to the callback after the handle.
 *
 * An operation gives the first of these values.
 */
export interface ReadTypes {
  /** So many bytes. */
  readonly chunk: { args: [length: number]; values: [bytes: Uint8Array] };
  /** Text up to a line end (default LF or CR LF; a string; a pattern that sees bytes), and that end. */
  readonly line: { args: [] | [eol: string | RegExp]; values: [line: string, eol: string] };
  /**
   * All up to the end of what `accept` matches, as text and as bytes. What `reject` matches is an error
   * (`EBADMSG`); what `skip` matches is not looked at again. The patterns see bytes as characters `\x00` to
   * `\xff`.
   */
  readonly regex: {
    args: [accept: RegExp] | [accept: RegExp, reject: RegExp | undefined] | [
      accept: RegExp,
      reject: RegExp | undefined,
      skip: RegExp | undefined,
    ];
    values: [text: string, bytes: Uint8Array];
  };
  /** `length:bytes,` */
  readonly netstring: { args: []; values: [bytes: Uint8Array] };
  /** A length in a format of Perl's `pack`, one of `cCsSlLqQiInNvVjJw` with `!`, `<`, `>`; then so many bytes. */
  readonly packstring: { args: [format: string]; values: [bytes: Uint8Array] };
  /** An object or array in JSON. */
  readonly json: { args: []; values: [value: unknown] };
  /** A value in MessagePack. */
  readonly msgpack: { args: []; values: [value: unknown] };
  /** Whether a TLS handshake begins here: `"accept"` and the record's version, or `undefined`. It takes nothing. */
  readonly tlsDetect: {
    args: [];
    values: [mode: "accept", major: number, minor: number] | [mode: undefined];
  };
}

/** The built-in write types: what they take. */
export interface WriteTypes {
  /** `length:bytes,` */
  readonly netstring: [data: Uint8Array | string];
  /** A length in a format of Perl's `pack`, as for reading, then the bytes. */
  readonly packstring: [format: string, data: Uint8Array | string];
  /** An object or array in JSON, without a line end. */
  readonly json: [value: unknown];
  /** A value in MessagePack. */
  readonly msgpack: [value: unknown];
}

/**
 * A reader: looks at `h.rbuf`, takes from its front, and says whether it is through. Called at once, also
 * when nothing has arrived. An async one counts as through after its first call.
 */
export type RawReader = (h: Handle) => unknown;

/** Makes the reader for one request of a read type of your own. */
export type ReadTypeMaker = (
  h: Handle,
  cb: (h: Handle, ...values: unknown[]) => unknown,
  ...args: unknown[]
) => RawReader;

/** Makes the bytes for one write of a write type of your own. */
export type WriteTypeMaker = (h: Handle, ...args: unknown[]) => Uint8Array | string;

/** What the built-in types need of their handle. */
export interface TypeContext {
  readonly json: JsonCodec;
  readonly msgpack: BytesCodec | undefined;
  /** Asks the readers again. */
  again(): void;
}

const readMakers = new Map<string, ReadTypeMaker>();
const writeMakers = new Map<string, WriteTypeMaker>();

const PARSERS: Readonly<
  Record<string, (args: readonly unknown[], context: TypeContext) => Parse>
> = {
  chunk: ([length]) => chunk(length),
  line: ([eol]) => line(eol),
  regex: ([accept, reject, skip]) => regex(accept, reject, skip),
  netstring: () => netstring(),
  packstring: ([format]) => packstring(format),
  json: (_args, context) => json(context.json),
  msgpack: (_args, context) => msgpack(context.msgpack, context.again),
  tlsDetect: () => tlsDetect(),
};

/** The parser of a built-in read type; `undefined` when there is none of that name. */
export function parserOf(
  type: string,
  args: readonly unknown[],
  context: TypeContext,
): Parse | undefined {
  return Object.hasOwn(PARSERS, type) ? PARSERS[type](args, context) : undefined;
}

/** The maker of a registered read type. @throws {UsageError} when there is none */
export function readMakerOf(type: unknown): ReadTypeMaker {
  const maker = readMakers.get(String(type));
  if (maker === undefined || typeof type !== "string") throw unknown("read", type, readTypeNames());
  return maker;
}

function readTypeNames(): string[] {
  return [...Object.keys(PARSERS), "tlsAutostart", ...readMakers.keys()];
}

function unknown(mode: string, type: unknown, names: readonly string[]): UsageError {
  return new UsageError(
    `Cannot ${mode} ${show(type)}: there is no such ${mode} type, only ${names.join(", ")}`,
  );
}

/** Text as UTF-8; bytes as they are. @param doing completes "Cannot …" */
export function toBytes(data: unknown, doing: string): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return data;
  throw new UsageError(`Cannot ${doing}: ${show(data)} is neither a string nor a Uint8Array`);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const ENCODERS: Readonly<
  Record<string, (args: readonly unknown[], context: TypeContext) => Uint8Array | Unloaded>
> = {
  netstring([data]) {
    const bytes = toBytes(data, "write netstring");
    return joined(toBytes(`${bytes.length}:`, ""), bytes, toBytes(",", ""));
  },
  packstring([format, data]) {
    const bytes = toBytes(data, "write packstring");
    return joined(packFormat(format).write(bytes.length), bytes);
  },
  json([value], context) {
    if (typeof value !== "object" || value === null) {
      throw new UsageError(`Cannot write json: ${show(value)} is neither an object nor an array`);
    }
    let text: string | undefined;
    try {
      text = context.json.stringify(value);
    } catch (cause) {
      throw new UsageError(`Cannot write json: ${show(value)} has no JSON (${cause})`, { cause });
    }
    return toBytes(text, "write json");
  },
  msgpack([value], context) {
    const codec = context.msgpack ?? loadedMsgpack();
    return codec === undefined ? new Unloaded(copyForMsgpack(value)) : codec.encode(value);
  },
};

/** A value whose codec has to be loaded first. */
export class Unloaded {
  constructor(readonly value: unknown) {}
}

/** The bytes of one write. @throws {UsageError} for an unknown type, or arguments that make no sense */
export function encodeAs(
  h: Handle,
  type: unknown,
  args: readonly unknown[],
  context: TypeContext,
): Uint8Array | Unloaded {
  if (typeof type === "string") {
    if (Object.hasOwn(ENCODERS, type)) return ENCODERS[type](args, context);
    const maker = writeMakers.get(type);
    if (maker !== undefined) return toBytes(maker(h, ...args), `write ${type}`);
  }
  throw unknown("write", type, [...Object.keys(ENCODERS), ...writeMakers.keys()]);
}

function register<T>(makers: Map<string, T>, mode: string, name: unknown, maker: T): Registration {
  if (typeof name !== "string" || name === "") {
    throw new UsageError(`Cannot register ${mode} type: name ${show(name)} is not a name`);
  }
  if (typeof maker !== "function") {
    throw new UsageError(`Cannot register ${mode} type ${name}: ${show(maker)} is not a function`);
  }
  const builtIn = mode === "read"
    ? [...Object.keys(PARSERS), "tlsAutostart"]
    : Object.keys(ENCODERS);
  if (makers.has(name) || builtIn.includes(name)) {
    throw new UsageError(`Cannot register ${mode} type ${show(name)}: it exists`);
  }
  makers.set(name, maker);
  const cancel = (): void => {
    if (makers.get(name) === maker) makers.delete(name);
  };
  return { cancel, [Symbol.dispose]: cancel };
}

/** See `Handle.registerReadType`. */
export function registerReadType(name: string, maker: ReadTypeMaker): Registration {
  return register(readMakers, "read", name, maker);
}

/** See `Handle.registerWriteType`. */
export function registerWriteType(name: string, maker: WriteTypeMaker): Registration {
  return register(writeMakers, "write", name, maker);
}
