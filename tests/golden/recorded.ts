/**
 * What the recorder and the nodes of a recording tell about one node: how it was configured, what it
 * drew by chance, when it was ended.
 */
import { type Random, seededRandom } from "@anyevent/backends/contract";
import type { NodeConfig, NodeId } from "@anyevent/mp";
import { parseGreeting } from "@anyevent/mp/wire";
import { PlayedEnd } from "./played_end.ts";
import { type NodeMeta, secretOf, type Side, type Transcript } from "./transcripts.ts";

/**
 * Chance that makes happen when it did what happened by chance.
 *
 * The delay of a `nodes` broadcast is read off the recording when the node logs that it learned the
 * addresses; everything that leads to an attempt to connect comes early, as the connection itself
 * comes about when it did.
 */
export class RecordedChance implements Random {
  readonly #bytes = seededRandom(1);
  #next: number | undefined;
  #first: number;

  constructor(
    seeds: number,
    readonly now: () => number,
    readonly broadcasts: (from: NodeId) => readonly number[],
  ) {
    this.#first = seeds;
  }

  bytes(count: number): Uint8Array {
    return this.#bytes.bytes(count);
  }

  float(): number {
    const next = this.#next ?? (this.#first-- > 0 ? 0 : 0.999);
    this.#next = undefined;
    return next;
  }

  /** The node logs what it is about to do. */
  logged(message: string): void {
    if (message.startsWith("connecting to") && message.includes(" with ")) this.#next = 0;
    const from = /^(\S+) told us its addresses/.exec(message)?.[1];
    if (from === undefined) return;
    const wait = this.broadcasts(from).map((t) => t - this.now() - 2)
      .find((wait) => wait > 0 && wait < 1);
    this.#next = wait ?? 0.999;
  }
}

/** The ends that a node had, in the order in which the connections were opened. */
export function endsOf(transcript: Transcript, role: string, id: NodeId): PlayedEnd[] {
  const proxy = transcript.meta.proxy as Record<string, { readonly listen: string }>;
  const ends: PlayedEnd[] = [];
  for (const connection of transcript.connections) {
    const acceptor = connection.name[0];
    const { c2s, s2c } = connection.sides;
    // Nobody says who was refused; where it was recorded there are two nodes.
    const dialler = c2s.greeting === undefined ? undefined : parseGreeting(c2s.greeting).nodeId;
    if (dialler === id || (dialler === undefined && acceptor !== role)) {
      ends.push(new PlayedEnd(connection, "c2s", proxy[acceptor].listen));
    }
    if (acceptor === role && s2c.greeting !== undefined) {
      const remote = parseGreeting(s2c.greeting).extra.get("peeraddr");
      ends.push(new PlayedEnd(connection, "s2c", remote!));
    }
  }
  return ends;
}

/** How a node was configured. */
export function configOf(
  transcript: Transcript,
  meta: NodeMeta,
  id: NodeId,
  ends: readonly PlayedEnd[],
): NodeConfig & { readonly seeds?: readonly string[] } {
  const given = (name: string): string | undefined => {
    const index = meta.args.indexOf(`--${name}`);
    return index < 0 ? undefined : meta.args[index + 1];
  };
  const bind = given("bind")!;
  const seed = given("seed");
  const timeout = given("monitor-timeout");
  const greeting = parseGreeting(ends.find((end) => end.own.greeting !== undefined)!.own.greeting!);
  return {
    nodeid: given("nodeid"),
    secret: secretOf(transcript, id),
    binds: bind === "none" ? [] : [bind],
    ...(seed === undefined ? {} : { seeds: [seed] }),
    ...(timeout === undefined ? {} : { monitorTimeout: Number(timeout) }),
    compat: "perl",
    encrypt: false,
    framingFormat: greeting.framings,
    authAccept: greeting.auths,
    authOffer: ["tls_md6_64_256", "hmac_md6_64_256"],
  };
}

/** The prefixes of port names, read off what was recorded. */
export function identityOf(
  transcript: Transcript,
  meta: NodeMeta,
  id: NodeId,
): { readonly uniq?: string; readonly runiq?: string } {
  const sides = transcript.connections.flatMap(({ sides }) => [sides.c2s, sides.s2c]);
  const spawned = (side: Side): string[] =>
    side.messages.filter(([port, tag]) => port === "" && tag === "AnyEvent::MP::_spawn")
      .map(([, , name]) => String(name).split(".")[0]);
  const runiqs = new Set(sides.flatMap(spawned));
  const runiq = sides.filter(({ greeting }) => greeting?.split(";")[2] === id).flatMap(spawned)[0];
  const texts = JSON.stringify([sides.map(({ messages }) => messages), meta.events]);
  const uniq = texts.split(`"${id}#`).slice(1).map((text) => text.split(".")[0])
    .find((text) => /^\w{8,}$/.test(text) && !runiqs.has(text));
  return { ...(uniq === undefined ? {} : { uniq }), ...(runiq === undefined ? {} : { runiq }) };
}

/** When the node told others the addresses of one node, unasked. */
export function broadcastsOf(
  ends: readonly PlayedEnd[],
  latency: number,
  from: NodeId,
): readonly number[] {
  return ends.flatMap(({ own, peer }) => {
    const asked = peer.units.filter((unit) => unit.kind === "msg" && unit.msg[1] === "seedme1");
    return own.units.flatMap((unit) => {
      if (unit.kind !== "msg" || unit.msg[1] !== "nodes") return [];
      const keys = Object.keys(unit.msg[2] as object);
      const isAnswer = asked.some(({ t }) => unit.t >= t && unit.t < t + latency + 0.01);
      return keys.length === 1 && keys[0] === from && !isAnswer ? [unit.t] : [];
    });
  });
}

/** The wall clock minus the time of the recording, read off a reply to `time`. */
export function wallOffsetOf(transcript: Transcript): number {
  for (const { sides } of transcript.connections) {
    for (const unit of [...sides.c2s.units, ...sides.s2c.units]) {
      const value = unit.kind === "msg" ? unit.msg.at(-1) : undefined;
      if (isTime(value)) return value - unit.t;
    }
  }
  return 1795246600;
}

/** Whether a value is epoch seconds with a fraction. */
export function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 1e9 && value < 2e9 && !Number.isInteger(value);
}

/** When a node saw an end of file that was not recorded on the wire any more. */
export function lastEofOf(meta: NodeMeta, end: PlayedEnd): number | undefined {
  if (end.connection.events.some(({ ev }) => ev === "close")) return undefined;
  return meta.events.find(({ ev, t, msg }) =>
    ev === "log" && msg === `${end.remote} Unexpected end-of-file` &&
    t > end.connection.events[0].t
  )?.t;
}

/** The last moment before the first node of the recording was ended. */
export function cutOf(transcript: Transcript): number {
  const ended: number[] = [];
  let last = 0;
  for (const meta of transcript.meta.nodes) {
    for (const { t } of meta.events) last = Math.max(last, t);
    for (const end of endsOf(transcript, meta.role, idOf(meta))) {
      for (const { t } of end.connection.events) last = Math.max(last, t);
      for (const { t } of end.connection.chunks) last = Math.max(last, t);
      const t = lastEofOf(meta, end);
      if (t !== undefined) ended.push(t);
    }
  }
  return ended.length > 0 ? Math.min(...ended) - 0.001 : last + 0.005;
}

function idOf(meta: NodeMeta): NodeId {
  return String(meta.events.find(({ ev }) => ev === "ready")!.node);
}
