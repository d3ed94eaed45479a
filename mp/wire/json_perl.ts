/**
 * JSON with Perl's bare `nan` and `inf`: what is tried when the runtime's own parser refuses.
 *
 * A parser and not a repair of the text: each character is looked at a fixed number of times, and
 * no value of the peer's can be taken for one of ours.
 *
 * @module
 */

import { PeerError } from "@anyevent/backends/contract";
import { MAX_DEPTH } from "./framing.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const LONGEST_WORD = "infinity".length;

/**
 * Parses one JSON text in which `nan`, `inf` and `infinity` are numbers, in any case, with or without a
 * minus.
 *
 * @param text one value
 * @returns the value: of text without such words the same as `JSON.parse` gives
 * @throws {SyntaxError} for anything else
 * @throws {PeerError} when it is nested deeper than {@linkcode MAX_DEPTH}
 */
export function parsePerlJson(text: string): unknown {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

/** The error for a message that is nested too deeply. */
export function tooDeep(): PeerError {
  return new PeerError(`message nested deeper than ${MAX_DEPTH} levels`, "EBADMSG");
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Nothing but white space may be left. */
  end(): void {
    this.#next();
    if (this.#at < this.#text.length) this.#refuse();
  }

  value(depth: number): unknown {
    const code = this.#next();
    if (code === QUOTE) return this.#string();
    if (code === MINUS || isDigit(code)) return this.#number();
    if (code !== OPEN_ARRAY && code !== OPEN_OBJECT) return this.#word();
    if (depth >= MAX_DEPTH) throw tooDeep();
    this.#at++;
    return code === OPEN_ARRAY ? this.#array(depth + 1) : this.#object(depth + 1);
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = [];
    if (this.#skip(CLOSE_ARRAY)) return array;
    do array.push(this.value(depth)); while (this.#skip(COMMA));
    if (!this.#skip(CLOSE_ARRAY)) this.#refuse();
    return array;
  }

  #object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (this.#skip(CLOSE_OBJECT)) return object;
    do {
      if (this.#next() !== QUOTE) this.#refuse();
      const key = this.#string();
      if (!this.#skip(COLON)) this.#refuse();
      const value = this.value(depth);
      if (key === "__proto__") {
        // An assignment would set the prototype.
        Object.defineProperty(object, key, {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
      } else object[key] = value;
    } while (this.#skip(COMMA));
    if (!this.#skip(CLOSE_OBJECT)) this.#refuse();
    return object;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let plain = true;
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return plain ? text.substring(start + 1, at) : JSON.parse(text.substring(start, at + 1));
      }
      if (code === BACKSLASH) at++;
      if (code === BACKSLASH || code < 0x20) plain = false;
    }
    return this.#refuse();
  }

  #number(): number {
    const start = this.#at;
    if (this.#code() === MINUS) {
      this.#at++;
      if (!isDigit(this.#code())) return -this.#infinite();
    }
    if (this.#code() === ZERO) this.#at++;
    else this.#digits();
    if (this.#code() === DOT) {
      this.#at++;
      this.#digits();
    }
    if ((this.#code() | 0x20) === 0x65) { // e, E
      this.#at++;
      if (this.#code() === PLUS || this.#code() === MINUS) this.#at++;
      this.#digits();
    }
    return Number(this.#text.substring(start, this.#at));
  }

  #digits(): void {
    const start = this.#at;
    while (isDigit(this.#code())) this.#at++;
    if (this.#at === start) this.#refuse();
  }

  #word(): boolean | null | number {
    const start = this.#at;
    switch (this.#letters()) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      default:
        this.#at = start;
        return this.#infinite();
    }
  }

  #infinite(): number {
    switch (this.#letters().toLowerCase()) {
      case "nan":
        return NaN;
      case "inf":
      case "infinity":
        return Infinity;
      default:
        return this.#refuse();
    }
  }

  /** The word here; one letter too many of one that is too long. */
  #letters(): string {
    const start = this.#at;
    while (this.#at - start <= LONGEST_WORD && isLetter(this.#code())) this.#at++;
    return this.#text.substring(start, this.#at);
  }

  /** The character here; NaN at the end. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  /** The first character that is no white space, which becomes the one here. */
  #next(): number {
    for (;;) {
      const code = this.#code();
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.#at++;
    }
  }

  /** Steps over a character, after white space, if it is here. */
  #skip(code: number): boolean {
    if (this.#next() !== code) return false;
    this.#at++;
    return true;
  }

  #refuse(): never {
    throw new SyntaxError(`Cannot parse JSON: unexpected text at ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function isLetter(code: number): boolean {
  return (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
}
