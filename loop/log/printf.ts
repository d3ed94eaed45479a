import { show, UsageError } from "@anyevent/backends/contract";
import { checkText } from "../ip.ts";

/** Columns and digits that a format may ask for. */
const MOST = 1000;

const DIRECTIVE = /%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z%])/g;

/** Any value as text; what cannot be turned into text says what it is. */
export function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function numberOf(value: unknown): number | bigint {
  if (typeof value === "bigint" || typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  const parsed = Number.parseFloat(plainText(value));
  return Number.isNaN(parsed) ? 0 : parsed;
}

/** Without a fraction; `undefined` for what is no finite number. */
function integerOf(value: unknown): bigint | undefined {
  const number = numberOf(value);
  if (typeof number === "bigint") return number;
  return Number.isFinite(number) ? BigInt(Math.trunc(number)) : undefined;
}

function infinite(number: number): string {
  return Number.isNaN(number) ? "NaN" : number < 0 ? "-Inf" : "Inf";
}

function sized(text: string | undefined, next: () => unknown): number | undefined {
  if (text === undefined) return undefined;
  const size = Number(text === "*" ? integerOf(next()) ?? 0 : text);
  return Math.max(-MOST, Math.min(MOST, size));
}

function signed(digits: string, negative: boolean, flags: string): string {
  if (negative) return `-${digits}`;
  return flags.includes("+") ? `+${digits}` : flags.includes(" ") ? ` ${digits}` : digits;
}

/** With zeros before them; none at all for 0 with precision 0, as in C. */
function withPrecision(digits: string, precision: number | undefined): string {
  return precision === 0 && digits === "0" ? "" : digits.padStart(precision ?? 1, "0");
}

function decimal(value: unknown, flags: string, precision: number | undefined): string {
  const integer = integerOf(value);
  if (integer === undefined) return infinite(Number(numberOf(value)));
  const negative = integer < 0n;
  const digits = withPrecision(String(negative ? -integer : integer), precision);
  return signed(digits, negative, flags);
}

const RADIX: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  x: [16, "0x"],
  o: [8, "0"],
  b: [2, "0b"],
};

/** Negative numbers as 64 bits, as Perl has them. */
function inRadix(value: unknown, kind: string, flags: string, precision?: number): string {
  const integer = integerOf(value);
  if (integer === undefined) return infinite(Number(numberOf(value)));
  const [radix, prefix] = RADIX[kind.toLowerCase()];
  const whole = integer < 0n ? BigInt.asUintN(64, integer) : integer;
  const digits = withPrecision(whole.toString(radix), precision);
  const text = flags.includes("#") && integer !== 0n ? prefix + digits : digits;
  return kind === "X" ? text.toUpperCase() : text;
}

/** `1.5e+3` as `1.5e+03`. */
function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}

function general(number: number, precision: number): string {
  const digits = Math.max(1, precision);
  const [, power] = number.toExponential(digits - 1).split("e");
  const small = Number(power) < -4 || Number(power) >= digits;
  const text = small
    ? number.toExponential(digits - 1)
    : number.toFixed(Math.min(100, Math.max(0, digits - 1 - Number(power))));
  return exponent(text.includes(".") ? text.replace(/\.?0+(?=e|$)/, "") : text);
}

function floating(value: unknown, kind: string, flags: string, precision = 6): string {
  const number = Number(numberOf(value));
  if (!Number.isFinite(number)) return infinite(number);
  const size = Math.abs(number);
  // The host writes no more digits than that.
  const digits = Math.min(100, Math.max(0, precision));
  const lower = kind.toLowerCase();
  const text = lower === "f"
    ? size.toFixed(digits)
    : lower === "e"
    ? exponent(size.toExponential(digits))
    : general(size, Math.min(100, digits));
  const full = signed(text, number < 0 || Object.is(number, -0), flags);
  return kind === lower ? full : full.toUpperCase();
}

/** Text of one directive before padding; `undefined` for one that is not known. */
function convert(
  kind: string,
  flags: string,
  precision: number | undefined,
  next: () => unknown,
): string | undefined {
  switch (kind) {
    case "s": {
      const text = plainText(next());
      return precision === undefined ? text : text.slice(0, Math.max(0, precision));
    }
    case "c": {
      const code = Number(integerOf(next()) ?? 0);
      return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    }
    case "d":
    case "i":
      return decimal(next(), flags, precision);
    case "u":
      return decimal(BigInt.asUintN(64, integerOf(next()) ?? 0n), "", precision);
    case "x":
    case "X":
    case "o":
    case "b":
      return inRadix(next(), kind, flags, precision);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      return floating(next(), kind, flags, precision);
    default:
      return undefined;
  }
}

/**
 * Perl's `sprintf`, as far as log messages need it: `%s %c %d %i %u %x %X %o %b %e %f %g %%`, with flags,
 * width and precision, `*` included.
 *
 * A missing argument is an empty text or 0; one too many is ignored; an unknown directive stays as it is.
 * Ties are rounded away from zero, as the host does.
 *
 * @param format text with directives
 * @param args one for each directive and each `*`
 * @returns the text
 * @throws {UsageError} when `format` is not a string, or `args` are not an array
 * @example
 * ```ts
 * import { sprintf } from "@anyevent/loop";
 *
 * console.log(sprintf("%-6s|%05.1f|%#x|%3d%%", ["ab", 3.14159, 255, 7])); // ab    |003.1|0xff|  7%
 * ```
 */
export function sprintf(format: string, args: readonly unknown[]): string {
  checkText(format, "format");
  if (!Array.isArray(args)) {
    throw new UsageError(`Cannot format ${show(format)}: arguments ${show(args)} are not an array`);
  }
  let at = 0;
  const next = (): unknown => args[at++];
  return format.replace(DIRECTIVE, (all: string, flags: string, width, precision, kind: string) => {
    if (kind === "%") return "%";
    const columns = sized(width, next) ?? 0;
    const hasDot = all.includes(".");
    const digits = hasDot ? sized(precision ?? "0", next) : undefined;
    // A negative one counts as none, as in C.
    const text = convert(
      kind,
      flags,
      digits !== undefined && digits < 0 ? undefined : digits,
      next,
    );
    if (text === undefined) return all;
    if (columns < 0 || flags.includes("-")) return text.padEnd(Math.abs(columns));
    const zeros = flags.includes("0") && !(hasDot && "diuxXob".includes(kind));
    if (!zeros || text.length >= columns) return text.padStart(columns);
    const lead = /^[-+ ]?(?:0[xXb](?=[0-9a-fA-F]))?/.exec(kind === "s" ? "" : text)![0];
    return lead + text.slice(lead.length).padStart(columns - lead.length, "0");
  });
}
