/**
 * What {@linkcode IoStream} asks of a host object that it has taken over, and what it is told.
 */

/** Gets the results of a {@linkcode Source}; called by the host only, never inside a call to the source. */
export interface Sink {
  /** `pull` gave bytes, valid until the next `pull`; `null`: end of file. */
  pulled(bytes: Uint8Array | null): void;
  /** `push` handed over `count` bytes. */
  pushed(count: number): void;
  /** Reading (`"r"`) or writing (`"w"`) failed for good. */
  failed(side: "r" | "w", thrown: unknown): void;
}

/** A host object that bytes come from or go to. At most one pull and one push are under way at a time. */
export interface Source {
  /** This end's address. */
  readonly local: string;
  /** The other end's address. */
  readonly remote: string;
  /** Set before anything else is called. */
  sink: Sink;
  /** Asks for the next bytes. */
  pull(): void;
  /** Tries to take back the last `pull`. @returns whether `pulled` will now not come and nothing is lost */
  unpull(): boolean;
  /** Hands over bytes, which stay unchanged until `pushed`. */
  push(bytes: Uint8Array): void;
  /** Sends an end of file. */
  end(): void;
  /** Closes the host object. */
  close(): void;
  /** Lets go of the host object without closing it; no pull is under way. */
  release(): void;
  /** TCP_NODELAY, where it has a meaning. */
  setNoDelay(on: boolean): void;
  /** SO_KEEPALIVE, where it has a meaning. */
  setKeepAlive(on: boolean): void;
}

/** A sink for a source that has none yet. */
export const NO_SINK: Sink = {
  pulled(): void {},
  pushed(): void {},
  failed(): void {},
};

/** A host address as text: `host:port`, `[v6]:port`, `unix/:path` or `""`. */
export function addressText(addr: Deno.Addr | undefined): string {
  if (addr === undefined) return "";
  if ("hostname" in addr) return hostPort(addr.hostname, addr.port);
  return "path" in addr && addr.path ? `unix/:${addr.path}` : "";
}

/** `host:port`, with brackets round an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
