/** Sessions with handlers that remember, and ways to cut bytes, for the tests of the wire. */

import {
  type Greeting,
  type PeerInfo,
  Session,
  type SessionOptions,
  type Verdict,
} from "../../../mp/wire/mod.ts";

export const utf8 = new TextEncoder();

/** A session and all it did. */
export class Recorder {
  readonly session: Session;
  readonly sent: Uint8Array[] = [];
  readonly greetings: Greeting[] = [];
  readonly opens: PeerInfo[] = [];
  readonly messages: unknown[][] = [];
  readonly fails: { reason: string; kind: string }[] = [];
  readonly upgrades: { role: string; kind: string; rest: Uint8Array }[] = [];
  verdict: Verdict = { go: "on" };
  onSend: (bytes: Uint8Array) => void = () => {};
  onMessage: (message: unknown[]) => void = () => {};
  onUpgrade: () => void = () => {};

  constructor(options: Partial<SessionOptions> = {}) {
    this.session = new Session({ ...defaults, ...options }, {
      send: (bytes) => {
        this.sent.push(bytes);
        this.onSend(bytes);
      },
      greeting: (peer) => {
        this.greetings.push(peer);
        return this.verdict;
      },
      upgrade: (role, kind, rest) => {
        this.upgrades.push({ role, kind, rest });
        this.onUpgrade();
      },
      open: (peer) => this.opens.push(peer),
      message: (message) => {
        this.messages.push(message);
        this.onMessage(message);
      },
      fail: (reason, kind) => this.fails.push({ reason, kind }),
    });
  }

  /** All that was sent, as lines without their ends; messages of `jsonl` are lines too. */
  get lines(): string[] {
    const text = this.sent.map((bytes) => new TextDecoder().decode(bytes)).join("");
    return text.split("\n").filter((line) => line !== "");
  }

  /** The reason of the failure, or undefined. */
  get reason(): string | undefined {
    return this.fails[0]?.reason;
  }

  receive(text: string): void {
    this.session.receive(utf8.encode(text));
  }
}

export const defaults: SessionOptions = {
  nodeId: "a",
  secret: "geheim",
  nonce: "nonce-a",
  authOffer: ["hmac_md6_64_256"],
  authAccept: ["hmac_md6_64_256"],
  framings: ["jsonl", "json"],
  extra: [],
};

/** Feeds bytes byte by byte, each in memory that is overwritten afterwards. */
export function feedBytewise(bytes: Uint8Array, feed: (part: Uint8Array) => void): void {
  const one = new Uint8Array(1);
  for (const byte of bytes) {
    one[0] = byte;
    feed(one);
    one[0] = 0xff;
  }
}

/** Feeds bytes cut after each of the given sizes, over and over. */
export function feedCut(
  bytes: Uint8Array,
  sizes: readonly number[],
  feed: (part: Uint8Array) => void,
): void {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes.length === 0 ? bytes.length : sizes[i % sizes.length]);
    feed(bytes.slice(at, at + size));
    at += size;
  }
}

/** All of these in one array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
