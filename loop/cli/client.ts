import { messageOf, PeerError, UsageError } from "@anyevent/backends/contract";
import { parseHostport } from "../address.ts";
import { visible } from "../debug/visible.ts";
import { Handle } from "../handle/handle.ts";
import { connectTcp } from "../socket.ts";

/** Set as the prompt: the end of a reply. It occurs in no reply. */
const END = "\x01";
/** Seconds until a host counts as unreachable. */
const CONNECT = 15;
/** Bytes that a shell may send before it is asked anything. */
const LONGEST_GREETING = 65_536;

interface Waiting {
  done(): void;
  failed(error: Error): void;
}

/** A session of a debug shell, from the client's side. */
export class Client {
  /** The first line that the shell sent. */
  readonly banner: string;
  /** What the shell asks people with. */
  prompt = "> ";
  readonly #handle: Handle;
  readonly #output: (text: string) => void;
  readonly #decoder = new TextDecoder();
  readonly #waiting: Waiting[] = [];
  #over: Error | undefined;

  private constructor(handle: Handle, banner: string, output: (text: string) => void) {
    this.#handle = handle;
    this.banner = banner;
    this.#output = output;
    handle.onError((_h, _fatal, message) => this.#ended(message));
    handle.onEof(() => this.#ended("it closed the connection"));
  }

  /**
   * Connects to a shell.
   *
   * @param address `host:port`, or the path of a Unix socket
   * @param output gets what the shell prints, as it comes
   * @throws {UsageError} for what is no address
   * @throws {PeerError} when nobody is there, or something else than a shell
   */
  static async connect(address: string, output: (text: string) => void): Promise<Client> {
    const found = parseHostport(address);
    if (found === undefined) {
      throw new UsageError(`Cannot connect to ${address}: it is neither HOST:PORT nor a path`);
    }
    const fh = await connectTcp(...found, { timeout: CONNECT });
    const handle = new Handle({ fh, timeout: CONNECT, rbufMax: LONGEST_GREETING });
    let banner: string | undefined;
    try {
      banner = await handle.read("line");
    } catch (cause) {
      handle.destroy();
      throw new PeerError(`Cannot talk to ${address}: ${messageOf(cause)}`, "", { cause });
    }
    if (banner === undefined || !banner.startsWith("Welcome")) {
      handle.destroy();
      throw new PeerError(`Cannot talk to ${address}: it is no debug shell`);
    }
    const client = new Client(handle, visible(banner), output);
    try {
      await client.#agree();
    } catch (cause) {
      client.close();
      throw new PeerError(`Cannot talk to ${address}: ${messageOf(cause)}`, "", { cause });
    }
    handle.timeout(0);
    handle.rbufMax(undefined);
    return client;
  }

  /**
   * Sends a line, and waits for the end of the reply.
   *
   * @throws {PeerError} when the shell closes the connection first
   */
  send(line: string): Promise<void> {
    return new Promise((done, failed) => {
      if (this.#over !== undefined) return failed(this.#over);
      this.#waiting.push({ done, failed });
      this.#handle.pushWrite(`${line.replace(/[\r\n]+/g, " ")}\n`);
    });
  }

  /** Hangs up. */
  close(): void {
    this.#handle.destroy();
    this.#ended("it was closed here");
  }

  /** Sets the prompt; what comes before is the rest of the greeting. */
  async #agree(): Promise<void> {
    const agreed = this.#handle.read("regex", new RegExp(END));
    this.#handle.pushWrite(`prompt ${END}\n`);
    const text = await agreed;
    if (text === undefined) throw new PeerError("Cannot go on: it closed the connection");
    const [greeting] = text.split(END);
    // Printable, as a terminal would act on the rest.
    if (/^[ -~]{1,32}$/.test(greeting)) this.prompt = greeting;
    this.#handle.onRead((h) => {
      const text = this.#decoder.decode(h.rbuf, { stream: true });
      h.rbuf = new Uint8Array(0);
      this.#read(text);
    });
  }

  #read(text: string): void {
    const [first, ...others] = text.split(END);
    if (first !== "") this.#output(visible(first));
    for (const other of others) {
      this.#waiting.shift()?.done();
      if (other !== "") this.#output(visible(other));
    }
  }

  #ended(why: string): void {
    this.#over ??= new PeerError(`Cannot go on: ${why}`);
    for (const each of this.#waiting.splice(0)) each.failed(this.#over);
    this.#handle.destroy();
  }
}
