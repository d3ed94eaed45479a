import {
  type Backend,
  type ByteStream,
  type IoMode,
  PeerError,
  type StreamPairOptions,
  type Undo,
  WATCH,
} from "../contract/mod.ts";
import { streamPair } from "../contract/mod.ts";

/** One end of a connection of {@linkcode memoryNet}: a pipe end that is counted and can be severed. */
export class MemoryStream implements ByteStream {
  readonly local: string;
  readonly remote: string;
  readonly #under: ByteStream;
  readonly #closed: (stream: MemoryStream) => void;
  #broken: PeerError | undefined;
  #open = true;
  /** The other end; set once, right after both were made. */
  other!: MemoryStream;

  constructor(under: ByteStream, closed: (stream: MemoryStream) => void) {
    this.#under = under;
    this.#closed = closed;
    this.local = under.local;
    this.remote = under.remote;
  }

  get unsent(): number {
    return this.#under.unsent;
  }

  tryRead(into: Uint8Array): number | null {
    const count = this.#under.tryRead(into);
    if (count === null && this.#broken !== undefined) throw this.#broken;
    return count;
  }

  tryWrite(bytes: Uint8Array): number {
    if (this.#broken !== undefined) throw this.#broken;
    return this.#under.tryWrite(bytes);
  }

  shutdown(): void {
    this.#under.shutdown();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // As over TCP: to close before everything was read is a reset.
    if ((this.#under.tryRead(new Uint8Array(1)) ?? 0) > 0) this.other.sever("ECONNRESET");
    this.#under.close();
    this.#closed(this);
  }

  /** As if the cable were cut: reading gives what had arrived, then fails; writing fails at once. */
  sever(code: string): void {
    this.#broken ??= new PeerError(
      `Cannot use connection ${this.local} -> ${this.remote}: connection reset`,
      code,
    );
    // Both directions end, which wakes the watchers of both modes: they find the error.
    this.#under.shutdown();
  }

  setNoDelay(on: boolean): void {
    this.#under.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.#under.setKeepAlive(on);
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    return this.#under[WATCH](mode, cb, closed);
  }
}

/** Both ends of a new connection. */
export function memoryPair(
  backend: Backend,
  options: StreamPairOptions,
  closed: (stream: MemoryStream) => void,
): [MemoryStream, MemoryStream] {
  const [a, b] = streamPair(backend, options);
  const ends: [MemoryStream, MemoryStream] = [
    new MemoryStream(a, closed),
    new MemoryStream(b, closed),
  ];
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return ends;
}
