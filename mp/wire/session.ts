/**
 * One AEMP connection without I/O: bytes in, bytes and events out.
 *
 * Both sides of a connection run the same code; who dialled does not matter. A session has no
 * clock and no chance in it: its nonce and its time limits are its caller's.
 *
 * Longer than most files because it is one state machine, which cutting up would hide.
 *
 * @module
 */

import { PeerError, show, UsageError } from "@anyevent/backends/contract";
import {
  type AuthMethod,
  authNamed,
  type ChannelBinding,
  chooseAuth,
  isUsable,
  proofsEqual,
  type Security,
  TLS_HMAC_SHA256,
} from "./auth.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { type FrameDecoder, type Framing, MAX_FRAME_BYTES } from "./framing.ts";
import { chooseFraming, framingNamed } from "./framing_registry.ts";
import { type Greeting, isVersionOne, MAX_GREETING_BYTES, parseGreeting } from "./greeting.ts";
import { seen } from "./seen.ts";
import {
  checkedGreeting,
  compareBytes,
  joinLines,
  securityOf,
  withoutSecret,
} from "./session_setup.ts";
import type { PeerInfo, SessionHandler, SessionOptions, SessionState } from "./session_types.ts";

/** The reason of a connection that turned out to lead to its own node. */
export const SELF_CONNECT = "I refuse to talk to myself";

/** The reason when the peer's proof is wrong. */
export const AUTH_FAILURE = "authentication failure/shared secret mismatch";

const LF = 0x0a;
const CR = 0x0d;
// A peer may send its auth line and first messages while it is on hold; this much is kept.
const MAX_HELD_BYTES = 1 << 16;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The AEMP protocol of one connection.
 *
 * Feed it with `receive`; it answers through its handler, synchronously, in order. `fail` is
 * called at most once and nothing is delivered after it or after `abort`. It never throws for
 * what a peer sent. If the handler's `open` or `message` throws, the other messages of that chunk
 * are still delivered, then `receive` throws the first error. Bytes that are received before
 * `start`, or while a handler is running, are kept until afterwards.
 *
 * @example
 * ```ts
 * import { Session } from "@anyevent/mp/wire";
 * import assert from "node:assert/strict";
 *
 * const log: unknown[] = [];
 * const make = (nodeId: string, peer: () => Session): Session =>
 *   new Session({
 *     nodeId,
 *     secret: "geheim",
 *     nonce: `nonce of ${nodeId}`.replaceAll(" ", "-"),
 *     authOffer: ["hmac_md6_64_256"],
 *     authAccept: ["hmac_md6_64_256"],
 *     framings: ["jsonl", "json"],
 *     extra: [],
 *   }, {
 *     send: (bytes) => peer().receive(bytes),
 *     greeting: () => ({ go: "on" }),
 *     upgrade: () => {},
 *     open: (info) => log.push(`${nodeId} sees ${info.nodeId}`),
 *     message: (message) => log.push(message),
 *     fail: (reason) => log.push(reason),
 *   });
 * const a: Session = make("a", () => b);
 * const b: Session = make("b", () => a);
 * a.start();
 * b.start();
 * a.receive(new TextEncoder().encode(String(b.encode(["port", "hello"]))));
 * assert.deepEqual(log.slice(-1), [["port", "hello"]]);
 * ```
 *
 * Perl: `AnyEvent::MP::Transport`.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #handler: SessionHandler;
  readonly #maxLineBytes: number;
  readonly #maxFrameBytes: number;
  readonly #ownLine: string;
  readonly #nonce: Uint8Array;
  readonly #buffer = new ByteBuffer(); // of the handshake
  readonly #inbox = new ByteBuffer(); // arrived while a handler was running
  #state: SessionState = "new";
  #isBusy = false;
  #thrown: { error: unknown } | undefined; // the first error of the handler's open or message
  #peer: Greeting | undefined;
  #peerLine: Uint8Array = new Uint8Array(0);
  #peerNonce: Uint8Array = new Uint8Array(0);
  #security: Security = "none";
  #binding: ChannelBinding | undefined;
  #method: AuthMethod | undefined;
  #sendFraming: Framing | undefined;
  #receiveFraming: Framing | undefined;
  #isSecond = false; // authenticates after the peer
  #proven: { readonly method: AuthMethod; readonly framing: Framing } | undefined;
  #decoder: FrameDecoder | undefined;

  /**
   * A session that waits for `start`.
   *
   * @param options who we are, and what we accept
   * @param handler what to call
   * @throws {UsageError} when an option is not usable, naming it
   */
  constructor(options: SessionOptions, handler: SessionHandler) {
    this.#ownLine = checkedGreeting(options);
    this.#options = options;
    this.#handler = handler;
    this.#maxLineBytes = options.maxGreetingBytes ?? MAX_GREETING_BYTES;
    this.#maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
    this.#nonce = utf8.encode(options.nonce);
  }

  /** Where the session is. */
  get state(): SessionState {
    return this.#state;
  }

  /**
   * Sends the greeting.
   *
   * @throws {UsageError} when it was called before
   */
  start(): void {
    if (this.#state === "closed") return;
    if (this.#state !== "new") throw new UsageError("Cannot start session: it was started before");
    this.#state = "greeting";
    this.#run(() => {
      this.#handler.send(utf8.encode(`${this.#ownLine}\n${this.#options.nonce}\n`));
      this.#handshake();
    });
  }

  /**
   * Goes on after the verdict `hold`. Does nothing when the session is over.
   *
   * @throws {UsageError} when it is not on hold
   */
  proceed(): void {
    if (this.#isOver()) return;
    if (this.#state !== "held") {
      throw new UsageError(`Cannot proceed with session: its state is ${this.#state}, not held`);
    }
    this.#run(() => {
      if (this.#proven === undefined) this.#negotiate();
      else this.#answer();
      this.#handshake();
    });
  }

  /**
   * Takes the next bytes from the transport, cut anywhere; they are copied where kept.
   *
   * Does nothing when the session is over.
   *
   * @param bytes what arrived
   * @throws {UsageError} when `bytes` is no `Uint8Array`, or the transport is being upgraded
   */
  receive(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot receive bytes ${show(bytes)}: not a Uint8Array`);
    }
    if (this.#isOver()) return;
    if (this.#state === "upgrading") {
      throw new UsageError("Cannot receive bytes: the transport is being upgraded");
    }
    if (this.#isBusy) this.#inbox.append(bytes);
    else this.#run(() => this.#take(bytes));
  }

  /**
   * The transport is secured: goes on with authentication over it. Does nothing when the session
   * is over.
   *
   * @param binding the `Finished` messages of the TLS handshake
   * @throws {UsageError} when no upgrade was asked for, or the binding is empty
   */
  upgraded(binding: ChannelBinding): void {
    if (this.#isOver()) return;
    if (this.#state !== "upgrading") {
      throw new UsageError(`Cannot continue upgraded: the state is ${this.#state}, not upgrading`);
    }
    for (const name of ["clientFinished", "serverFinished"] as const) {
      const value: unknown = binding?.[name];
      if (!(value instanceof Uint8Array) || value.length === 0) {
        throw new UsageError(`Cannot continue upgraded: ${name} ${show(value)} is not bytes`);
      }
    }
    this.#binding = binding;
    if (this.#isBusy) this.#authenticate(); // from within the handler's upgrade
    else {
      this.#run(() => {
        this.#authenticate();
        this.#handshake();
      });
    }
  }

  /**
   * One message in the framing that the peer wants.
   *
   * @param message destination port name, then the payload
   * @returns the whole frame, to be given to the transport (text as UTF-8)
   * @throws {UsageError} before the session is open, when the framing cannot carry a value, or
   * when the frame is larger than the limit
   */
  encode(message: readonly unknown[]): string | Uint8Array {
    if (this.#state !== "open" || this.#sendFraming === undefined) {
      throw new UsageError(`Cannot encode message: the session is ${this.#state}, not open`);
    }
    const frame = this.#sendFraming.encode(message);
    // Text has one to three bytes for each unit, so most need no count.
    if (frame.length * 3 > this.#maxFrameBytes) {
      const size = typeof frame === "string" ? utf8.encode(frame).length : frame.length;
      if (size > this.#maxFrameBytes) {
        throw new UsageError(
          `Cannot encode message: ${size} bytes, the limit is ${this.#maxFrameBytes}`,
        );
      }
    }
    return frame;
  }

  /** Ends the session at once: its handler is not called again. */
  abort(): void {
    if (!this.#isOver()) this.#end("closed");
  }

  /**
   * What an end of file from the peer means now.
   *
   * @returns the MESSAGE of the `transport_error` reason
   */
  eof(): string {
    // The peer tells nobody why; most often the secrets differ.
    if (this.#state === "auth") return "closed during authentication (secret mismatch?)";
    const framing = this.#receiveFraming?.name;
    return framing === "json" || framing === "jsonl" ? "Unexpected end-of-file" : "Broken pipe";
  }

  #isOver(): boolean {
    return this.#state === "failed" || this.#state === "closed";
  }

  #end(state: "failed" | "closed"): void {
    this.#state = state;
    this.#buffer.clear();
    this.#inbox.clear();
  }

  #fail(reason: string, kind: "refused" | "protocol"): void {
    if (this.#isOver()) return;
    this.#end("failed");
    this.#handler.fail(withoutSecret(reason, this.#options.secret), kind);
  }

  /** Runs a step with re-entrant bytes queued behind it, then throws what the handler threw. */
  #run(step: () => void): void {
    if (this.#isBusy) {
      step();
      return;
    }
    this.#isBusy = true;
    try {
      step();
      while (this.#inbox.length > 0) this.#take(this.#inbox.take());
    } catch (error) {
      this.#fail("internal error in a session handler", "protocol");
      throw error;
    } finally {
      this.#isBusy = false;
    }
    const thrown = this.#thrown;
    this.#thrown = undefined;
    if (thrown !== undefined) throw thrown.error;
  }

  #take(bytes: Uint8Array): void {
    if (this.#decoder !== undefined) {
      this.#decode(bytes);
      return;
    }
    this.#buffer.append(bytes);
    this.#handshake();
    const isWaiting = this.#state === "held" || this.#state === "new";
    if (isWaiting && this.#buffer.length > this.#maxLineBytes + MAX_HELD_BYTES) {
      this.#fail("too much data before authentication", "protocol");
    }
  }

  #handshake(): void {
    for (;;) {
      switch (this.#state) {
        case "greeting": {
          const line = this.#line();
          if (line === undefined) return;
          this.#readGreeting(line);
          break;
        }
        case "nonce": {
          const line = this.#line();
          if (line === undefined) return;
          this.#readNonce(line);
          break;
        }
        case "auth": {
          const line = this.#line();
          if (line === undefined) return;
          this.#readAuth(line);
          break;
        }
        case "open":
          if (this.#buffer.length > 0) this.#decode(this.#buffer.take());
          return;
        default:
          return;
      }
    }
  }

  /** The next line without its end, or undefined: it is not complete, or too long. */
  #line(): Uint8Array | undefined {
    const end = this.#buffer.indexOf(LF);
    if (end < 0 ? this.#buffer.length >= this.#maxLineBytes : end >= this.#maxLineBytes) {
      this.#fail(`${this.#state} line longer than ${this.#maxLineBytes} bytes`, "protocol");
      return undefined;
    }
    if (end < 0) return undefined;
    const line = this.#buffer.take(end + 1);
    return line.subarray(0, line[end - 1] === CR ? end - 1 : end);
  }

  #readGreeting(line: Uint8Array): void {
    let peer: Greeting;
    try {
      peer = parseGreeting(text.decode(line));
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      return this.#fail(error.message, "protocol");
    }
    if (!isVersionOne(peer.version)) {
      return this.#fail(`version mismatch, got ${seen(peer.version)}`, "refused");
    }
    if (peer.protocol !== "aemp") {
      return this.#fail(`unsupported protocol ${seen(peer.protocol)}`, "refused");
    }
    // With a # in it, the node id would be taken for a port of another node.
    // deno-lint-ignore no-control-regex
    if (peer.nodeId === "" || /[#\x00-\x1f\x7f]/.test(peer.nodeId)) {
      return this.#fail(`unusable node id ${seen(peer.nodeId)}`, "refused");
    }
    this.#peer = peer;
    this.#peerLine = line;
    this.#state = "nonce";
  }

  #readNonce(nonce: Uint8Array): void {
    const peer = this.#peer!;
    this.#peerNonce = nonce;
    if (compareBytes(nonce, this.#nonce) === 0) {
      return this.#fail("authentication error, echo attack?", "refused");
    }
    if (peer.nodeId === this.#options.nodeId) return this.#fail(SELF_CONNECT, "refused");
    const verdict = this.#handler.greeting(peer);
    if (this.#isOver()) return;
    if (verdict.go === "refuse") return this.#fail(verdict.reason, "refused");
    if (verdict.go === "hold") {
      this.#state = "held";
      return;
    }
    this.#isSecond = verdict.after === "proof";
    this.#negotiate();
  }

  /** Chooses framing, security and method, and upgrades the transport or authenticates. */
  #negotiate(): void {
    const peer = this.#peer!;
    const { authOffer, framings, secret } = this.#options;
    this.#sendFraming = chooseFraming(peer.framings, framings);
    if (this.#sendFraming === undefined) {
      return this.#fail(`no common framing, got ${seen(peer.framings.join(","))}`, "refused");
    }
    this.#security = securityOf(this.#options.extra, peer);
    const situation = { security: this.#security, hasSecret: secret !== undefined };
    this.#method = chooseAuth(peer.auths, authOffer, situation);
    if (this.#method === undefined) {
      const why = secret === undefined ? ", and no shared secret is configured" : "";
      return this.#fail(
        `no common auth type supported${why}, got ${seen(peer.auths.join(","))}`,
        "refused",
      );
    }
    if (this.#security === "none") return this.#authenticate();
    const isClient = compareBytes(this.#nonce, this.#peerNonce) < 0;
    this.#state = "upgrading";
    this.#handler.upgrade(isClient ? "client" : "server", this.#security, this.#buffer.take());
  }

  #authenticate(): void {
    this.#state = "auth";
    if (!this.#isSecond) this.#sendAuth();
  }

  #sendAuth(): void {
    const method = this.#method!;
    const framing = this.#sendFraming!.name;
    const proof = method.prove({
      transcript: this.#transcript("own"),
      secret: this.#options.secret,
      binding: this.#binding,
      framing,
    });
    this.#handler.send(utf8.encode(`${method.name};${proof};${framing}\n`));
  }

  /** Nothing of the line but the names of method and framing may be shown: it can hold the secret. */
  #readAuth(line: Uint8Array): void {
    const [name, proof, framingName] = text.decode(line).split(";");
    if (name === undefined || proof === undefined || framingName === undefined) {
      return this.#fail("unparsable authentication line", "protocol");
    }
    const { authAccept, secret } = this.#options;
    const method = authNamed(name);
    if (method === undefined) {
      return this.#fail("fatal, selected unsupported rcv auth method", "refused");
    }
    if (!authAccept.includes(name) || !isUsable(method, this.#security, secret !== undefined)) {
      const why = this.#security === "xtls" ? `xtls needs ${TLS_HMAC_SHA256}` : "was not offered";
      return this.#fail(`auth method ${name} refused: ${why}`, "refused");
    }
    const expected = method.prove({
      transcript: this.#transcript("peer"),
      secret,
      binding: this.#binding,
      framing: framingName,
    });
    if (!proofsEqual(proof, expected)) return this.#fail(AUTH_FAILURE, "refused");
    const framing = this.#options.framings.includes(framingName)
      ? framingNamed(framingName)
      : undefined;
    if (framing === undefined) {
      return this.#fail(`unusable remote framing ${seen(framingName)}`, "refused");
    }
    if (!this.#isSecond) return this.#open(method, framing);
    this.#proven = { method, framing };
    const verdict = this.#handler.proved?.(this.#peer!) ?? { go: "on" };
    if (this.#isOver()) return;
    if (verdict.go === "refuse") return this.#fail(verdict.reason, "refused");
    if (verdict.go === "hold") this.#state = "held";
    else this.#answer();
  }

  /** The peer has proved itself and is wanted. */
  #answer(): void {
    const { method, framing } = this.#proven!;
    this.#sendAuth();
    this.#open(method, framing);
  }

  #open(method: AuthMethod, receiveFraming: Framing): void {
    const peer = this.#peer!;
    this.#receiveFraming = receiveFraming;
    this.#decoder = receiveFraming.decoder(this.#maxFrameBytes);
    this.#state = "open";
    const info: PeerInfo = {
      nodeId: peer.nodeId,
      greeting: peer,
      method: method.name,
      sendFraming: this.#sendFraming!.name,
      receiveFraming: receiveFraming.name,
      encrypted: this.#security !== "none",
    };
    try {
      this.#handler.open(info);
    } catch (error) {
      this.#thrown ??= { error };
    }
  }

  #decode(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    try {
      this.#decoder!.push(bytes, this.#deliver);
    } catch (error) {
      // `#deliver` never throws, so this is the framing's, whatever its class.
      const reason = error instanceof PeerError ? error.message : "undecodable message";
      this.#fail(reason, "protocol");
    }
  }

  readonly #deliver = (message: unknown[]): boolean => {
    try {
      this.#handler.message(message);
    } catch (error) {
      this.#thrown ??= { error };
    }
    return this.#state === "open";
  };

  /** What a proof of this side covers: both lines of its sender, then both of its receiver. */
  #transcript(sender: "own" | "peer"): Uint8Array {
    const own = [utf8.encode(this.#ownLine), this.#nonce];
    const peer = [this.#peerLine, this.#peerNonce];
    return joinLines(sender === "own" ? [...own, ...peer] : [...peer, ...own]);
  }
}
