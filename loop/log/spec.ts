import { type LogLevel, show, UsageError } from "@anyevent/backends/contract";
import { findLevel, findThreshold } from "./levels.ts";

/** One thing to do to a context. */
export type LogDirective =
  | { readonly do: "stderr" | "nolog" | "clear" }
  | { readonly do: "file" | "path"; readonly path: string }
  | { readonly do: "cap" | "level" | "enable" | "disable"; readonly level: LogLevel | 0 }
  | { readonly do: "attach"; readonly name: string };

/** What to do to one context, in order. */
export interface LogSpec {
  /** `log`, `filter`, `collect`, `%name`, or the name of a context. */
  readonly name: string;
  readonly directives: readonly LogDirective[];
}

/** A piece of the text, and where it begins. */
interface Piece {
  readonly raw: string;
  readonly at: number;
}

const NAME = /(?:::|\\[^]|[^:=\s\\])+/y;
const DIRECTIVE = /(?:::|\\[^]|[^,:\s\\])+/y;
const GAP = /[:\s]+/y;
const SPACE = /\s+/y;

/** What a backslash precedes stands for itself. */
function unescaped(raw: string): string {
  return raw.replace(/\\([^])/g, "$1");
}

type Mode = "level" | "enable" | "disable";

/** Reads one text from left to right. */
class Reader {
  #at = 0;
  constructor(readonly text: string, readonly source: string) {}

  take(pattern: RegExp): Piece | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found === null) return undefined;
    const at = this.#at;
    this.#at += found[0].length;
    return { raw: found[0], at };
  }

  skip(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  get rest(): Piece | undefined {
    const raw = this.text.slice(this.#at);
    return raw === "" ? undefined : { raw, at: this.#at };
  }

  fail({ raw, at }: Piece, why = "parse error"): never {
    throw new UsageError(
      `Cannot configure log: ${this.source} ${show(this.text)}: ${why} at ${show(raw)} ` +
        `(character ${at + 1})`,
    );
  }
}

function contextName(reader: Reader, piece: Piece, raw: string): string {
  if (raw === "%" || raw === "::") reader.fail(piece, "no name of a context");
  return unescaped(raw);
}

/** A directive other than a level and its mode. */
function directiveOf(reader: Reader, piece: Piece): LogDirective | undefined {
  const { raw } = piece;
  if (raw === "stderr" || raw === "nolog") return { do: raw };
  if (raw === "+") return { do: "clear" };
  if (raw.startsWith("+")) return { do: "attach", name: contextName(reader, piece, raw.slice(1)) };
  if (raw === "syslog" || raw.startsWith("syslog=")) {
    reader.fail(piece, "syslog is not supported (log to a file, or attach LogTape)");
  }
  const [, key, value] = /^(file|path|cap)=([^]+)$/.exec(raw) ?? [];
  if (key === "file" || key === "path") return { do: key, path: unescaped(value) };
  if (key === "cap") {
    const level = findThreshold(value) ?? reader.fail(piece, "no logging level");
    return { do: "cap", level };
  }
  return undefined;
}

function directives(reader: Reader): LogDirective[] {
  const out: LogDirective[] = [];
  let mode: Mode = "level";
  const all = (next: Mode): void => {
    mode = next;
    out.push({ do: "level", level: next === "enable" ? 0 : 9 });
  };
  for (let it = reader.take(DIRECTIVE); it !== undefined; it = reader.take(DIRECTIVE)) {
    const { raw } = it;
    if (raw === "off" || raw === "0") out.push({ do: "level", level: 0 });
    else if (raw === "all") out.push({ do: "level", level: 9 });
    else if (raw === "level") all("level");
    else if (raw === "only") all("enable");
    else if (raw === "except") all("disable");
    else {
      const level = findLevel(raw);
      out.push(
        level !== undefined ? { do: mode, level } : directiveOf(reader, it) ?? reader.fail(it),
      );
    }
    if (!reader.skip(",")) break;
  }
  return out;
}

/**
 * Reads a text such as `filter=warn log=+%file %file=file=/tmp/x`: the grammar of AnyEvent::Log.
 *
 * @param source where it comes from, for the error
 * @throws {UsageError} that names the first place that makes no sense; nothing was done then
 */
export function parseLogSpec(text: string, source: string): LogSpec[] {
  const reader: Reader = new Reader(text, source);
  const out: LogSpec[] = [];
  reader.take(SPACE);
  while (reader.rest !== undefined) {
    const begin = reader.rest;
    const name = reader.take(NAME);
    if (name === undefined || !reader.skip("=")) reader.fail(begin);
    out.push({ name: contextName(reader, name, name.raw), directives: directives(reader) });
    if (reader.take(GAP) === undefined && reader.rest !== undefined) reader.fail(reader.rest);
  }
  return out;
}
