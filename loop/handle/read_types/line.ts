import { show, UsageError } from "@anyevent/backends/contract";
import type { ReadBuffer } from "../read_buffer.ts";
import { BinaryView, decodeText, expression, type Match, type Parse } from "./parse.ts";

const LF = 10;
const CR = 13;

/** A line and its end: LF or CR LF, or as given by a string or expression. */
export function line(eol?: unknown): Parse {
  if (eol === undefined) return defaultLine();
  if (typeof eol === "string" && eol !== "") return stringLine(new TextEncoder().encode(eol), eol);
  if (typeof eol === "string") throw new UsageError('Cannot read line: eol "" is empty');
  if (!(eol instanceof RegExp)) {
    throw new UsageError(`Cannot read line: eol ${show(eol)} is neither a string nor a RegExp`);
  }
  return regexLine(expression(eol, "read line"));
}

/** Remembers up to where there is no line end. */
class Progress {
  #epoch = -1;
  #at = 0;

  from(buffer: ReadBuffer): number {
    if (buffer.epoch !== this.#epoch) this.#at = 0;
    this.#epoch = buffer.epoch;
    return this.#at;
  }

  to(at: number): undefined {
    this.#at = Math.max(0, at);
  }
}

function defaultLine(): Parse {
  const progress = new Progress();
  return (buffer) => {
    const { bytes } = buffer;
    const at = bytes.indexOf(LF, progress.from(buffer));
    if (at < 0) return progress.to(bytes.length);
    const end = at > 0 && bytes[at - 1] === CR ? at - 1 : at;
    const values = [decodeText(bytes.subarray(0, end)), end < at ? "\r\n" : "\n"];
    return { values, length: at + 1 };
  };
}

function stringLine(eol: Uint8Array, text: string): Parse {
  const progress = new Progress();
  return (buffer) => {
    const { bytes } = buffer;
    for (let from = progress.from(buffer);;) {
      const at = bytes.indexOf(eol[0], from);
      if (at < 0 || at + eol.length > bytes.length) {
        return progress.to(at < 0 ? bytes.length : at);
      }
      if (eol.every((byte, i) => bytes[at + i] === byte)) {
        return { values: [decodeText(bytes.subarray(0, at)), text], length: at + eol.length };
      }
      from = at + 1;
    }
  };
}

function regexLine(eol: RegExp): Parse {
  const view = new BinaryView();
  return (buffer): Match | undefined => {
    const found = eol.exec(view.of(buffer));
    if (found === null) return undefined;
    const { index } = found;
    const length = index + found[0].length;
    const { bytes } = buffer;
    const values = [
      decodeText(bytes.subarray(0, index)),
      decodeText(bytes.subarray(index, length)),
    ];
    return { values, length };
  };
}
