/**
 * Reads the recorded traffic of Perl's AnyEvent::MP, for tests that replay it.
 *
 * A recording has connections (`A.1` is the first that node A accepted), each with two
 * directions: `c2s` was sent by the side that connected. Every direction is there as raw chunks with
 * their times, and taken apart into units: greeting, nonce, auth line, messages.
 */

/** `c2s`: sent by the side that connected. */
export type Direction = "c2s" | "s2c";

/** Bytes as read from a socket; where they are cut is arbitrary. */
export interface Chunk {
  /** Seconds since the start of the recording. */
  readonly t: number;
  readonly dir: Direction;
  readonly bytes: Uint8Array;
}

/** Something that happened to a connection. */
export interface ConnectionEvent {
  readonly t: number;
  readonly ev: "open" | "eof" | "close" | "refused" | "drop";
  readonly dir?: Direction;
}

/** One protocol unit of one direction. */
export type Unit =
  & { readonly t: number; readonly dir: Direction }
  & (
    | { readonly kind: "greeting" | "nonce"; readonly line: string }
    | {
      readonly kind: "auth";
      readonly line: string;
      /** The secrets for which the line is right. */
      readonly auth_ok_for_secret: readonly string[];
    }
    | { readonly kind: "msg"; readonly msg: readonly unknown[] }
  );

/** One direction of a connection. */
export interface Side {
  readonly dir: Direction;
  readonly chunks: readonly Chunk[];
  readonly units: readonly Unit[];
  /** Undefined when nothing was sent. */
  readonly greeting: string | undefined;
  readonly nonce: string | undefined;
  readonly auth: string | undefined;
  readonly messages: readonly (readonly unknown[])[];
}

/** One TCP connection. */
export interface Connection {
  /** Such as `A.1`. */
  readonly name: string;
  /** Both directions, in the order the recorder saw them. */
  readonly chunks: readonly Chunk[];
  readonly events: readonly ConnectionEvent[];
  readonly sides: Readonly<Record<Direction, Side>>;
}

/** One recorded event of one node: ready, node_up, node_down, log, mon, msg, ... */
export interface NodeEvent {
  readonly ev: string;
  readonly t: number;
  readonly [field: string]: unknown;
}

/** What is known about one node of a recording. */
export interface NodeMeta {
  readonly role: string;
  readonly nodeid: string;
  readonly args: readonly string[];
  /** The Perl code it ran. */
  readonly code: string;
  readonly events: readonly NodeEvent[];
}

/** The sidecar of a recording. */
export interface Meta {
  readonly scenario: string;
  readonly description: string;
  readonly secret: string;
  readonly secret_of_node_b?: string;
  readonly nodes: readonly NodeMeta[];
  readonly [field: string]: unknown;
}

/** One recording. */
export interface Transcript {
  readonly name: string;
  readonly meta: Meta;
  /** In the order in which they were opened; refused ones included. */
  readonly connections: readonly Connection[];
}

interface RawLine {
  readonly t: number;
  readonly conn: string;
  readonly ev?: ConnectionEvent["ev"];
  readonly dir?: Direction;
  readonly hex?: string;
}

const folder = new URL("data/", import.meta.url);

/**
 * @param path below `data/`, such as `vectors/md6.json`
 * @returns the parsed file
 */
export function loadJson(path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(new URL(path, folder)));
}

/** @returns the names of the recordings that are here, sorted */
export function transcriptNames(): string[] {
  return [...Deno.readDirSync(new URL("transcripts/", folder))]
    .map((entry) => entry.name)
    .filter((name) => name.endsWith(".meta.json"))
    .map((name) => name.slice(0, -".meta.json".length))
    .sort();
}

/**
 * @param name one of {@linkcode transcriptNames}
 * @returns the recording
 */
export function loadTranscript(name: string): Transcript {
  const raw = loadLines<RawLine>(`transcripts/${name}.jsonl`);
  const decoded = loadLines<RawLine & Unit>(`transcripts/decoded/${name}.jsonl`);
  const names = [...new Set(raw.map((line) => line.conn))];
  return {
    name,
    meta: loadJson(`transcripts/${name}.meta.json`) as Meta,
    connections: names.map((conn) =>
      connectionOf(
        conn,
        raw.filter((line) => line.conn === conn),
        decoded.filter((line) => line.conn === conn && line.ev === undefined),
      )
    ),
  };
}

function loadLines<T>(path: string): T[] {
  return Deno.readTextFileSync(new URL(path, folder)).split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

function connectionOf(name: string, raw: readonly RawLine[], units: readonly Unit[]): Connection {
  const chunks: Chunk[] = [];
  const events: ConnectionEvent[] = [];
  for (const { t, ev, dir, hex } of raw) {
    if (ev !== undefined) events.push(dir === undefined ? { t, ev } : { t, ev, dir });
    else if (dir !== undefined && hex !== undefined) {
      chunks.push({ t, dir, bytes: Uint8Array.fromHex(hex) });
    }
  }
  return {
    name,
    chunks,
    events,
    sides: { c2s: sideOf("c2s", chunks, units), s2c: sideOf("s2c", chunks, units) },
  };
}

function sideOf(dir: Direction, chunks: readonly Chunk[], all: readonly Unit[]): Side {
  const units = all.filter((unit) => unit.dir === dir);
  const line = (kind: "greeting" | "nonce" | "auth"): string | undefined => {
    for (const unit of units) if (unit.kind === kind) return unit.line;
    return undefined;
  };
  return {
    dir,
    chunks: chunks.filter((chunk) => chunk.dir === dir),
    units,
    greeting: line("greeting"),
    nonce: line("nonce"),
    auth: line("auth"),
    messages: units.flatMap((unit) => unit.kind === "msg" ? [unit.msg] : []),
  };
}

/**
 * The secret that a node of a recording used.
 *
 * @param transcript the recording
 * @param nodeId the node
 * @returns its secret
 */
export function secretOf(transcript: Transcript, nodeId: string): string {
  const { secret, secret_of_node_b } = transcript.meta;
  return nodeId === "node_b" ? secret_of_node_b ?? secret : secret;
}
