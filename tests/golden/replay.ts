/**
 * Plays one node of a recording with ours, in virtual time; the other nodes are their recorded bytes.
 *
 * The clock shows the recording's own seconds. The peers' bytes arrive when the recorder saw them,
 * whatever our node says, and what our node says is collected. Its id, nonces, port prefixes, counter,
 * greeting fields, clock and chance are those of the node that was recorded.
 */
import {
  type Address,
  type ByteStream,
  type Env,
  type Net,
  PeerError,
  type Undo,
} from "@anyevent/backends/contract";
import { type Global, globalOf } from "@anyevent/global";
import { Loop } from "@anyevent/loop";
import { formatAddress, Node, type NodeId, type PortId } from "@anyevent/mp";
import { parseGreeting } from "@anyevent/mp/wire";
import { type ManualEnv, manualEnv } from "../support/manual_env.ts";
import type { PlayedEnd } from "./played_end.ts";
import {
  broadcastsOf,
  configOf,
  cutOf,
  endsOf,
  identityOf,
  lastEofOf,
  RecordedChance,
  wallOffsetOf,
} from "./recorded.ts";
import type { Transcript } from "./transcripts.ts";

/** What the program of a scenario said happened to it. */
export interface ProgramEvent {
  readonly ev: string;
  readonly [field: string]: unknown;
}

/** What a program of a scenario has to hand, as the recorded ones had. */
export interface Play {
  readonly node: Node;
  readonly global: Global;
  /** Says that something happened. */
  ev(ev: string, fields?: Record<string, unknown>): void;
  /** Calls back with the first port of a group once there is one; looks every 0.05 s. */
  waitGroup(group: string, callback: (port: PortId) => void): void;
  /** Calls back once a node is up; looks every 0.05 s. */
  waitNode(id: NodeId, callback: () => void): void;
}

/** A program: what the node ran when it was recorded. */
export type Program = (play: Play) => void;

/** Only recorded connections come about: other attempts stay unanswered. */
class PlayedNet implements Net {
  readonly strays: { readonly t: number; readonly address: string }[] = [];
  accepted: ((stream: ByteStream) => void) | undefined;
  /** The end whose handshake begins. */
  current: PlayedEnd | undefined;

  constructor(readonly env: Env, readonly ends: readonly PlayedEnd[]) {}

  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    const address = formatAddress(to);
    const end = this.ends.find((end) => end.initiated && end.remote === address && !end.dialled);
    if (end === undefined) {
      this.strays.push({ t: this.env.backend.now(), address });
      return () => undefined;
    }
    end.dialled = true;
    end.dial = cb;
    if (end.due) this.env.backend.post(() => this.settle(end));
    return () => void (end.dial = undefined);
  }

  /** Lets the recorded connection come about, as soon as our node has asked for it. */
  settle(end: PlayedEnd): void {
    end.due = true;
    this.current = end;
    if (!end.initiated) return void this.accepted?.(end.open(this.env));
    const { dial } = end;
    end.dial = undefined;
    if (dial === undefined) return;
    if (end.connection.events.some(({ ev }) => ev === "refused")) {
      end.openedAt = end.closedAt = this.env.backend.now();
      dial(new PeerError("Connection refused", "ECONNREFUSED"), undefined);
    } else dial(undefined, end.open(this.env));
  }

  listen(on: Address, accepted: (stream: ByteStream) => void): ReturnType<Net["listen"]> {
    this.accepted = accepted;
    return { address: on, close: () => void (this.accepted = undefined) };
  }

  secure(): never {
    throw new Error("nothing was encrypted");
  }

  stats(): ReturnType<Net["stats"]> {
    return { streams: 0, listeners: 0, attempts: 0 };
  }
}

/** What came of a replay. */
export interface Replay {
  readonly node: Node;
  readonly ends: readonly PlayedEnd[];
  readonly events: readonly ProgramEvent[];
  readonly logged: readonly string[];
  /** Attempts to connect that the recorded node did not make. */
  readonly strays: readonly { readonly t: number; readonly address: string }[];
  /** Until when the recording tells what the node sent. */
  readonly cut: number;
  /** What callbacks threw into the loop. */
  readonly thrown: readonly unknown[];
  /** What is left in the loop after `stop`. */
  readonly left: readonly number[];
}

/** Which part of a recording to play. */
export interface ReplayOptions {
  /** Stops there, in seconds of the recording. Default: when the first node of it ended. */
  readonly until?: number;
  /** How many seeds the program sets itself. Default 0. */
  readonly seeds?: number;
}

/**
 * Plays one node of a recording.
 *
 * @param transcript the recording
 * @param role of the node, such as `A`
 * @param program what it runs once it is configured
 * @returns everything it did
 */
export async function replay(
  transcript: Transcript,
  role: string,
  program: Program,
  options: ReplayOptions = {},
): Promise<Replay> {
  const meta = transcript.meta.nodes.find((node) => node.role === role)!;
  const ready = meta.events.find(({ ev }) => ev === "ready")!;
  const id = String(ready.node);
  const ends = endsOf(transcript, role, id);
  const base = manualEnv({ start: meta.events[0].t });
  const net = new PlayedNet(base, ends);
  const env: ManualEnv = Object.assign(base, { net });
  const { backend } = env;
  backend.wallOffset = wallOffsetOf(transcript);
  const loop = new Loop(env);

  const latency = Number(transcript.meta.added_one_way_latency_s ?? 0);
  const config = configOf(transcript, meta, id, ends);
  const chance = new RecordedChance(
    options.seeds ?? config.seeds?.length ?? 0,
    () => backend.now(),
    (from) => broadcastsOf(ends, latency, from),
  );
  const logged: string[] = [];
  const node: Node = new Node({
    loop,
    identity: identityOf(transcript, meta, id),
    random: chance,
    configFile: {},
    nonce: () => net.current!.own.nonce!,
    greetingExtra: () =>
      [...parseGreeting(net.current!.own.greeting!).extra].map(([key, value]) => [key, value!]),
    advertise: (ready.advertise ?? []) as string[],
    log: (_level, message) => {
      chance.logged(message);
      logged.push(message);
    },
  });

  const events: ProgramEvent[] = [];
  const play = playOf(node, (ev, fields = {}) => {
    if (!node.stopped) events.push({ ev, ...JSON.parse(JSON.stringify(fields)) });
  });
  node.monNodes((nodeId, up, ...reason) =>
    play.ev(up ? "node_up" : "node_down", { node: nodeId, reason })
  );
  await settled(env, node.configure(config));

  const actions: { readonly t: number; readonly run: () => void }[] = [
    { t: ready.t, run: () => program(play) },
  ];
  for (const end of ends) {
    const at = end.connection.events.find(({ ev }) => ev === "open" || ev === "refused")!.t;
    actions.push({ t: at, run: () => net.settle(end) });
    for (const { t, bytes } of end.peer.chunks) {
      actions.push({ t: t + latency, run: () => end.feed(bytes) });
    }
    for (const { t, ev, dir } of end.connection.events) {
      if (ev === "drop") actions.push({ t, run: () => end.eof() });
      if (ev === "eof" && dir === end.peer.dir) {
        actions.push({ t: t + latency, run: () => end.eof() });
      }
    }
  }
  const cut = options.until ?? cutOf(transcript);
  run(actions.filter(({ t }) => t <= cut), cut);

  // What follows was not recorded on the wire, but the nodes said that they saw the other end go.
  if (options.until === undefined) {
    const end = Math.max(cut, ...meta.events.map(({ t }) => t));
    const last = ends.flatMap((played) => {
      const t = lastEofOf(meta, played);
      // The last thing that is known of a node: it was ended then.
      return t === undefined || t === end ? [] : [{ t, run: () => played.eof() }];
    });
    run(last, end);
  }
  backend.advance(0.005);
  await settled(env, node.stop());
  loop.dispose();
  const { timers, ios, posted } = backend.stats();
  return {
    node,
    ends,
    events,
    logged,
    strays: net.strays,
    cut,
    thrown: backend.thrown,
    left: [timers, ios, posted],
  };

  function run(list: { readonly t: number; readonly run: () => void }[], until: number): void {
    for (const action of list.sort((a, b) => a.t - b.t)) {
      backend.advance(Math.max(0, action.t - backend.now()));
      action.run();
      backend.advance(0);
    }
    backend.advance(Math.max(0, until - backend.now()));
  }
}

async function settled(env: ManualEnv, promise: Promise<void>): Promise<void> {
  let done = false;
  const mark = (): void => void (done = true);
  promise.then(mark, mark);
  await env.backend.settle();
  for (let i = 0; !done && i < 100; i++) {
    env.backend.advance(0.1);
    await env.backend.settle();
  }
  await promise;
}

function playOf(node: Node, ev: Play["ev"]): Play {
  const global = globalOf(node);
  function poll<T>(look: () => T | undefined, found: (value: T) => void): void {
    node.after(0.05, () => {
      const value = look();
      if (value === undefined) poll(look, found);
      else found(value);
    });
  }
  return {
    node,
    global,
    ev,
    waitGroup: (group, callback) => poll(() => global.groups.get(group)?.[0], callback),
    waitNode: (id, callback) => poll(() => node.nodeIsUp(id) || undefined, callback),
  };
}
