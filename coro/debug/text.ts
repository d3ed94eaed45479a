/** Characters of what is waited for. */
const LONGEST = 200;

/** What breaks a line, and what a terminal would act on. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** On one line, whatever it is; what a terminal would act on is spelled out. */
export function oneLine(text: string, longest = LONGEST): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return cut.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** What a function of the user's says, on one line; that it failed, when it does. */
export function told(tell: () => unknown): string {
  try {
    return oneLine(String(tell() ?? ""));
  } catch {
    // A listing that fails for one thread would help nobody.
    return "[failed]";
  }
}

/** A count in four characters. Follows `format_num4` of Coro::Debug. */
export function count4(value: number): string {
  if (value < 1e4) return String(value);
  for (const [unit, letter] of [[1e3, "k"], [1e6, "M"], [1e9, "G"]] as const) {
    const scaled = value / unit;
    if (unit > 1e3 && scaled < 9.95) return `${scaled.toFixed(1)}${letter}`;
    if (scaled < 999.5) return `${scaled.toFixed(0)}${letter}`;
  }
  return `${(value / 1e12).toFixed(1)}T`;
}
