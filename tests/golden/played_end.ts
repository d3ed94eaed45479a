/**
 * One end of a recorded connection, played by our node: the other end is recorded bytes.
 */
import assert from "node:assert/strict";
import { type ByteStream, type Env, type PeerError, streamPair } from "@anyevent/backends/contract";
import { outputReader } from "./output.ts";
import type { Connection, Direction, Side } from "./transcripts.ts";

/** A message our node sent, and when. */
export interface Sent {
  readonly t: number;
  readonly message: readonly unknown[];
}

/** The end of one recorded connection that our node plays. */
export class PlayedEnd {
  readonly name: string;
  /** What was recorded of this end, and of the other. */
  readonly own: Side;
  readonly peer: Side;
  /** Handshake lines our node sent. */
  readonly lines: string[] = [];
  /** Messages our node sent. */
  readonly messages: Sent[] = [];
  /** When our node got the stream, and when it closed it. */
  openedAt: number | undefined;
  closedAt: number | undefined;
  /** Our node's pending attempt to connect. */
  dial: ((error: PeerError | undefined, stream: ByteStream | undefined) => void) | undefined;
  dialled = false;
  /** The recording has come to where this connection is open. */
  due = false;
  #theirs: ByteStream | undefined;
  #ended = false;
  readonly #early: (() => void)[] = [];

  constructor(
    readonly connection: Connection,
    readonly dir: Direction,
    /** The address of the other end, as our node sees it. */
    readonly remote: string,
  ) {
    this.name = connection.name;
    this.own = connection.sides[dir];
    this.peer = connection.sides[dir === "c2s" ? "s2c" : "c2s"];
  }

  /** Whether our node is the one that connects. */
  get initiated(): boolean {
    return this.dir === "c2s";
  }

  /** Makes the stream for our node. */
  open(env: Env): ByteStream {
    const [ours, theirs] = streamPair(env.backend, { names: ["", this.remote] });
    const read = outputReader(this.lines, (message) => {
      this.messages.push({ t: env.backend.now(), message });
    });
    const buffer = new Uint8Array(65536);
    const undo = env.backend.io(theirs, "r", () => {
      const count = theirs.tryRead(buffer);
      if (count !== null) return read(buffer.subarray(0, count));
      undo();
      this.closedAt = env.backend.now();
    });
    this.#theirs = theirs;
    this.openedAt = env.backend.now();
    for (const feed of this.#early.splice(0)) feed();
    return ours;
  }

  /** Bytes of the peer. */
  feed(bytes: Uint8Array): void {
    if (this.openedAt === undefined) this.#early.push(() => this.feed(bytes));
    else if (this.closedAt === undefined) {
      assert.equal(this.#theirs!.tryWrite(bytes), bytes.length, "the node reads nothing");
    }
  }

  /** End of file from the peer. */
  eof(): void {
    if (this.openedAt === undefined) this.#early.push(() => this.eof());
    else if (!this.#ended) this.#theirs!.shutdown();
    this.#ended = true;
  }
}
