import type { IoMode, Undo } from "../contract/backend.ts";
import { Deque } from "../contract/deque.ts";
import { ClosedError, PeerError, show, UsageError } from "../contract/errors.ts";
import { type ByteStream, WATCH } from "../contract/stream.ts";
import type { Faults } from "./faults.ts";
import { Readiness, type ReadyModes, type ReadySink } from "./readiness.ts";
import type { Wire } from "./wire.ts";

/** What one end of a connection needs. */
export interface SimStreamOptions {
  /** Its host's name. */
  readonly host: string;
  /** Where it puts itself when it is ready. */
  readonly ready: ReadySink;
  /** Cuts reads and writes to pieces. */
  readonly faults: Faults;
  /** Bytes one direction takes before writing would block. */
  readonly capacity: number;
  /** This end. */
  readonly local: string;
  /** The other end. */
  readonly remote: string;
  /** Called once, when it is closed or breaks. */
  readonly dead: () => void;
  /** Called once, when it is closed. */
  readonly closed: () => void;
  /** Called once, when it breaks. */
  readonly broke?: (code: string, why: string) => void;
}

/** One end of a simulated connection; what it sends goes over its wire to the peer. */
export class SimStream implements ByteStream {
  readonly local: string;
  readonly remote: string;
  readonly host: string;
  /** Whether the system probes an idle peer. */
  keepAlive = false;
  /** Called when that was switched on. */
  probed: () => void = () => undefined;
  out!: Wire;
  peer!: SimStream;
  readonly #options: SimStreamOptions;
  readonly #modes: ReadyModes;
  readonly #received = new Deque<Uint8Array>();
  #unread = 0;
  /** Bytes sent of which the peer has not told that it has read them. */
  #outstanding = 0;
  #eof = false;
  #shut = false;
  #closed = false;
  #broken: PeerError | undefined;

  constructor(options: SimStreamOptions) {
    this.#options = options;
    this.local = options.local;
    this.remote = options.remote;
    this.host = options.host;
    this.#modes = {
      r: new Readiness(
        options.ready,
        () => this.#unread > 0 || this.#eof || this.#broken !== undefined,
      ),
      w: new Readiness(
        options.ready,
        () => this.#shut || this.#broken !== undefined || this.#room > 0,
      ),
    };
  }

  /** Whether it is neither closed nor broken. */
  get live(): boolean {
    return !this.#closed && this.#broken === undefined;
  }

  /** Nothing: the simulated system takes what `tryWrite` takes. */
  get unsent(): number {
    return 0;
  }

  get #room(): number {
    return this.#options.capacity - this.#outstanding;
  }

  tryRead(into: Uint8Array): number | null {
    if (!(into instanceof Uint8Array) || into.length === 0) {
      throw new UsageError(`Cannot read from stream: into ${show(into)} is no room for bytes`);
    }
    if (this.#closed) throw new ClosedError("Cannot read from stream: it is closed");
    if (this.#unread === 0) {
      if (this.#eof) return null;
      if (this.#broken !== undefined) throw this.#broken;
      return 0;
    }
    const most = Math.min(into.length, this.#unread);
    const wanted = this.#options.faults.piece("reads", most, this.host, this.peer.host);
    let count = 0;
    while (count < wanted) {
      const chunk = this.#received.shift()!;
      const part = chunk.subarray(0, wanted - count);
      into.set(part, count);
      count += part.length;
      if (part.length < chunk.length) this.#received.unshift(chunk.subarray(part.length));
    }
    this.#unread -= count;
    const { peer } = this;
    if (this.live && peer.live) {
      this.out.send(`ack ${count}`, false, () => peer.#acknowledged(count));
    }
    this.#modes.r.poke();
    return count;
  }

  tryWrite(bytes: Uint8Array): number {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot write to stream: bytes ${show(bytes)} are not a Uint8Array`);
    }
    if (this.#closed) throw new ClosedError("Cannot write to stream: it is closed");
    if (this.#shut) throw new ClosedError("Cannot write to stream: it is shut down");
    if (this.#broken !== undefined) throw this.#broken;
    const { faults } = this.#options;
    const { host, peer } = this;
    const most = Math.min(bytes.length, this.#room);
    if (most === 0) return 0;
    const count = faults.piece("writes", most, host, peer.host);
    for (let at = 0; at < count;) {
      const size = faults.piece("segments", count - at, host, peer.host);
      const part = bytes.slice(at, at + size);
      this.out.send(`data ${size}`, true, () => peer.#arrived(part));
      at += size;
    }
    this.#outstanding += count;
    this.#modes.w.poke();
    return count;
  }

  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    if (this.#broken === undefined) this.#sendEnd();
    this.#modes.w.poke();
  }

  close(): void {
    if (this.#closed) return;
    const live = this.live;
    this.#closed = true;
    if (live) {
      // As systems do: bytes that nobody has read make it a reset.
      if (this.#unread > 0) this.#sendReset();
      else if (!this.#shut) this.#sendEnd();
    }
    this.#received.clear();
    this.#unread = 0;
    this.#options.closed();
    if (live) this.#options.dead();
    for (const mode of ["r", "w"] as const) this.#modes[mode].clear();
  }

  /** Breaks it: reading gives what had arrived, then fails; writing fails at once. */
  break(code: string, why: string): void {
    if (!this.live) return;
    this.#broken = new PeerError(
      `Cannot use connection ${this.local} -> ${this.remote}: ${why}`,
      code,
    );
    this.out.clear();
    for (const mode of ["r", "w"] as const) this.#modes[mode].poke();
    this.#options.dead();
    this.#options.broke?.(code, why);
  }

  /** The peer finds out that nobody is here any more. */
  sendReset(): void {
    this.#sendReset();
  }

  setNoDelay(_on: boolean): void {}

  setKeepAlive(on: boolean): void {
    this.keepAlive = on;
    if (on) this.probed();
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch stream: it is closed");
    return this.#modes[mode].add(cb, closed);
  }

  #sendEnd(): void {
    const { peer } = this;
    this.out.send("fin", true, () => peer.#ended());
  }

  #sendReset(): void {
    const { peer } = this;
    this.out.send("rst", false, () => peer.break("ECONNRESET", "connection reset by peer"));
  }

  #arrived(bytes: Uint8Array): void {
    if (!this.live) {
      this.#sendReset();
      return;
    }
    this.#received.push(bytes);
    this.#unread += bytes.length;
    this.#modes.r.poke();
  }

  #ended(): void {
    if (!this.live) return;
    this.#eof = true;
    this.#modes.r.poke();
  }

  #acknowledged(count: number): void {
    this.#outstanding -= count;
    this.#modes.w.poke();
  }
}
