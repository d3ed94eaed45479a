import { LEVEL_NAMES } from "./levels.ts";
import type { LogEntry } from "./types.ts";

/** Controls but the tab, and what turns or breaks lines: a terminal would act on them. */
const UNSAFE = /(?!\t)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

function escaped(character: string): string {
  const hex = character.charCodeAt(0).toString(16);
  return hex.length > 2 ? `\\u${hex.padStart(4, "0")}` : `\\x${hex.padStart(2, "0")}`;
}

/** A line with everything that a terminal would act on written as `\x1b` or `\u202e`. */
export function printable(line: string): string {
  return line.replace(UNSAFE, escaped);
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

let second = NaN;
let before = "";
let behind = "";

/** Local time as `YYYY-MM-DD HH:MM:SS.uuuuuu +ZZZZ`. @param time epoch seconds */
export function formatTime(time: number): string {
  const whole = Math.floor(time);
  if (whole !== second) {
    const date = new Date(whole * 1000);
    const zone = -date.getTimezoneOffset();
    const size = Math.abs(zone);
    const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
    const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
    before = `${day} ${clock}.`;
    behind = ` ${zone < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
    second = whole;
  }
  const micros = Math.min(999_999, Math.round((time - whole) * 1e6));
  return before + String(micros).padStart(6, "0") + behind;
}

/** The lines of a message, each ended, those after the first marked with `+`. */
export function formatEntry(entry: LogEntry, stamp: string): string {
  const { level, context, message } = entry;
  const text = `${LEVEL_NAMES[level].padEnd(5)} ${context.title}: ${message}`.replace(/\n+$/, "");
  if (!text.includes("\n")) return `${stamp} ${printable(text)}\n`;
  const [first, ...more] = text.split("\n");
  const rest = more.map((line) => `${stamp} + ${printable(line)}\n`);
  return `${stamp} ${printable(first)}\n${rest.join("")}`;
}
