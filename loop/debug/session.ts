import { type ByteStream, messageOf, type Undo } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import { Handle } from "../handle/handle.ts";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";
import type { ShellCommand, ShellSession } from "./commands.ts";
import { debugLog } from "./log.ts";
import { visible } from "./visible.ts";

/** Characters of a line. */
const LONGEST_LINE = 65_536;
/** Lines that may wait for a command to end, until no more are read. */
const MOST_LINES = 100;
/** Bytes that a client may leave unread. */
const MOST_UNREAD = 1 << 20;
/** Characters of one printed text. */
const LONGEST_TEXT = 1 << 18;
/** Seconds that a command may go on after its client has sent the end of file. */
const LAST_COMMAND = 10;
/** Seconds for the last output. */
const LINGER = 1;

/** What a browser sends when a page makes it connect; the lines that follow are that page's. */
const HTTP = /^\S+ \S.* HTTP\/\d/;

/** What runs the lines of sessions. */
export interface LineRunner {
  /** The shell's own commands, in order. */
  readonly commands: ReadonlyMap<string, ShellCommand>;
  /** Runs one line, which is not empty. */
  run(line: string, session: Session): unknown;
  /** The session is over. */
  ended(session: Session): void;
}

/** One connection to a debug shell. */
export class Session implements ShellSession {
  readonly loop: Loop;
  readonly peer: string;
  /** Printed when a line is through. */
  prompt: string;
  readonly #runner: LineRunner;
  readonly #handle: Handle;
  readonly #decoder = new TextDecoder();
  readonly #closers = new Set<{ readonly cb: () => void }>();
  readonly #listeners = new Set<{ readonly cb: () => void }>();
  #partial = "";
  #lines: string[] = [];
  #running = false;
  /** Whether the client sends no more. */
  #ended = false;
  #closed = false;
  #limit: Watcher | undefined;

  constructor(loop: Loop, fh: ByteStream, peer: string, runner: LineRunner, prompt = "> ") {
    this.loop = loop;
    this.prompt = prompt;
    this.peer = peer;
    this.#runner = runner;
    this.#handle = new Handle({
      loop,
      fh,
      peername: peer,
      wbufMax: MOST_UNREAD,
      linger: LINGER,
      onError: (_h, fatal, message) => {
        if (!fatal) return;
        debugLog(loop).log(8, `session of ${peer} ended: ${message}`);
        this.#end();
      },
    });
    this.#handle.unref();
  }

  /** Begins to talk; it may be over when this returns. */
  start(): void {
    this.#write(`Welcome, ${this.peer}, use 'help' for more info!\n${this.prompt}`);
    this.#handle.onEof(() => this.#inputEnded());
    this.#handle.onRead((h) => this.#read(h));
  }

  /** The shell's own commands. */
  get commands(): ReadonlyMap<string, ShellCommand> {
    return this.#runner.commands;
  }

  get closed(): boolean {
    return this.#closed;
  }

  print(text: string): void {
    const rest = text.length - LONGEST_TEXT;
    const cut = rest > 0 ? `${text.slice(0, LONGEST_TEXT)}\n… ${rest} characters more` : text;
    this.#write(visible(cut.endsWith("\n") ? cut : `${cut}\n`));
  }

  onClose(cb: () => void): Undo {
    if (this.#closed) {
      let wanted = true;
      this.loop.postpone(() => {
        if (wanted) cb();
      });
      return () => {
        wanted = false;
      };
    }
    const entry = { cb };
    this.#closers.add(entry);
    return () => void this.#closers.delete(entry);
  }

  onLine(cb: () => void): Undo {
    const entry = { cb };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  close(): void {
    this.#handle.destroy();
    this.#end();
  }

  #write(text: string): void {
    if (!this.#closed && text !== "") this.#handle.pushWrite(text);
  }

  #read(h: Handle): void {
    const text = this.#partial + this.#decoder.decode(h.rbuf, { stream: true });
    h.rbuf = new Uint8Array(0);
    const lines = text.split("\n");
    this.#partial = lines.pop()!;
    if (this.#partial.length > LONGEST_LINE) {
      this.print(`Cannot read line: it is longer than ${LONGEST_LINE} characters`);
      return this.close();
    }
    if (lines.length === 0) return;
    this.#lines.push(...lines);
    if (this.#lines.length > MOST_LINES) h.stopRead();
    this.#goOn();
  }

  #inputEnded(): void {
    this.#ended = true;
    const last = this.#partial + this.#decoder.decode();
    if (last !== "") this.#lines.push(last);
    this.#limit = this.loop.addTimer(LAST_COMMAND, 0, () => this.close()).unref();
    this.#goOn();
  }

  /** One line each turn: the program goes on in between. */
  #goOn(): void {
    if (this.#running || this.#closed) return;
    if (this.#lines.length === 0) {
      if (this.#ended) this.close();
      return;
    }
    this.#running = true;
    this.loop.postpone(() => this.#next());
  }

  #next(): void {
    if (this.#closed) return;
    const line = this.#lines.shift()!.trim();
    if (this.#lines.length === MOST_LINES) this.#handle.startRead();
    this.#callAll(this.#listeners, "onLine() of a debug session");
    if (line === "") return this.#through(undefined);
    if (HTTP.test(line)) {
      debugLog(this.loop).log(5, `session of ${this.peer} refused: it speaks HTTP`);
      return this.close();
    }
    try {
      const result = this.#runner.run(line, this);
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => this.#through(value),
          (error) => this.#failed(error),
        );
      } else this.#through(result);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#through(error instanceof Error ? `${error.name}: ${messageOf(error)}` : messageOf(error));
  }

  #through(result: unknown): void {
    if (this.#closed) return;
    if (typeof result === "string" && result !== "") this.print(result);
    this.#write(this.prompt);
    this.#running = false;
    this.#goOn();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#limit?.cancel();
    this.#lines = [];
    this.#runner.ended(this);
    this.#listeners.clear();
    this.#callAll(this.#closers, "onClose() of a debug session");
  }

  /** Once each; what they add meanwhile is for the next time. */
  #callAll(entries: Set<{ readonly cb: () => void }>, what: string): void {
    for (const entry of [...entries]) {
      if (!entries.delete(entry)) continue;
      try {
        entry.cb();
      } catch (error) {
        this.loop.callbackFailed(error, what);
      }
    }
  }
}
