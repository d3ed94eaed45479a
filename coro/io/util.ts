import { ClosedError, show, type Undo, UsageError } from "@anyevent/backends/contract";
import {
  type Abort,
  addressFamily,
  Dns,
  formatAddress,
  type Loop,
  type Operation,
  operation,
  parseAddress,
  resolver,
  socketsOf,
  type SocketTarget,
  type SocketType,
  WaitOperation,
  type Waker,
  type Watcher,
} from "@anyevent/loop";
import { currentLoop } from "./anyevent.ts";

/** A host; see {@linkcode CoroUtil.gethostbyname}. */
export interface HostEntry {
  /** The name asked for. */
  readonly name: string;
  /** Its addresses as text, those of the preferred protocol first; at least one. */
  readonly addresses: readonly string[];
}

/** What {@linkcode util} has. All of it runs on the loop of the running thread. */
export interface CoroUtil {
  /**
   * The first IPv4 address of a name, in network form; `undefined`: it has none, or that is not known.
   *
   * @throws {UsageError} when `name` is no string
   */
  inetAton(name: string): Operation<Uint8Array | undefined>;
  /**
   * The addresses of a name; `undefined`: it has none, or that is not known.
   *
   * @throws {UsageError} when `name` is no string
   */
  gethostbyname(name: string): Operation<HostEntry | undefined>;
  /**
   * The name of an address, by its own account, asked from the DNS; `undefined`: it has none, or that is not
   * known.
   *
   * @param address IPv4 or IPv6, as text or in network form
   * @throws {UsageError} when it is none
   */
  gethostbyaddr(address: string | Uint8Array): Operation<string | undefined>;
  /**
   * Where a host and service can be reached, best first; see `resolveSockaddr` of `@anyevent/loop`.
   *
   * @param node host name, address, or `"unix/"`
   * @param service port, name, `name=port`; the absolute path of a Unix socket
   * @throws {UsageError} for an unknown service or protocol
   */
  resolveSockaddr(
    node: string,
    service: string | number,
    proto?: string | 0,
    family?: 0 | 4 | 6,
    type?: SocketType,
  ): Operation<readonly SocketTarget[]>;
}

/** Waits for a callback that comes once. */
class Asked<T> extends WaitOperation<T> {
  readonly #loop: Loop;
  readonly #what: string;
  readonly #ask: (cb: (value: T) => void) => Watcher;
  #asked: Watcher | undefined;
  #forget: Undo = () => undefined;
  #answer: { readonly value: T } | undefined;
  #disposed = false;
  #waker: Waker | undefined;

  constructor(loop: Loop, what: string, ask: (cb: (value: T) => void) => Watcher) {
    super();
    this.#loop = loop;
    this.#what = what;
    this.#ask = ask;
  }

  describe(): string {
    return this.#what;
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    // One woken for nothing goes on waiting for the same answer.
    this.#asked ??= this.#begin();
    return () => {
      this.#forget();
      this.#asked?.cancel();
    };
  }

  protected poll(): boolean {
    return this.#answer !== undefined || this.#disposed;
  }

  protected result(): T {
    this.#forget();
    if (this.#answer !== undefined) return this.#answer.value;
    throw new ClosedError(`Cannot go on with ${this.#what}: the loop was disposed of`);
  }

  #begin(): Watcher {
    this.#forget = this.#loop.onDispose(() => {
      this.#disposed = true;
      this.#waker?.wake();
    });
    return this.#ask((value) => {
      this.#answer = { value };
      this.#waker?.wake();
    });
  }
}

function addressesOf(name: unknown): Operation<readonly Uint8Array[]> {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot look up name ${show(name)}: it is not a string`);
  }
  const loop = currentLoop();
  return new Asked<readonly Uint8Array[]>(
    loop,
    `inetAton(${show(name)})`,
    (cb) => socketsOf(loop).inetAton(name, (addresses) => cb(addresses)),
  );
}

/**
 * Looking up names, blocking only the thread that does.
 *
 * To run something in another process there is `runCmd` of `@anyevent/loop`, whose condvar a thread can wait
 * for. Follows `Coro::Util`.
 *
 * @example
 * ```ts
 * import { util } from "@anyevent/coro";
 *
 * console.log(await util.inetAton("127.0.0.1")); // 127, 0, 0, 1
 * console.log((await util.gethostbyname("localhost"))?.addresses[0]); // 127.0.0.1
 * ```
 */
export const util: CoroUtil = {
  inetAton(name) {
    const asked = addressesOf(name);
    return operation(() => asked.describe(), function* () {
      return (yield* asked).find((address) => addressFamily(address) === 4);
    });
  },
  gethostbyname(name) {
    const asked = addressesOf(name);
    return operation(() => `gethostbyname(${show(name)})`, function* () {
      const addresses = (yield* asked).map((address) => formatAddress(address)!);
      return addresses.length === 0 ? undefined : { name, addresses };
    });
  },
  gethostbyaddr(address) {
    const bytes = typeof address === "string" ? parseAddress(address) : address;
    const text = bytes instanceof Uint8Array && bytes.length <= 16
      ? formatAddress(bytes)
      : undefined;
    const family = text === undefined ? undefined : addressFamily(bytes!);
    if (text === undefined || (family !== 4 && family !== 6)) {
      throw new UsageError(`Cannot look up address ${show(address)}: it is no IP address`);
    }
    const loop = currentLoop();
    return operation(() => `gethostbyaddr(${text})`, function* () {
      return (yield* new Dns(() => resolver(loop)).reverseLookup(text))[0];
    });
  },
  resolveSockaddr(node, service, proto, family, type) {
    const loop = currentLoop();
    const ask = (cb: (targets: readonly SocketTarget[]) => void): Watcher =>
      socketsOf(loop).resolveSockaddr(node, service, proto, family, type, cb);
    // Begun and ended for what it throws: arguments are checked now.
    ask(() => undefined).cancel();
    return new Asked(loop, `resolveSockaddr(${show(node)}, ${show(service)})`, ask);
  },
};
