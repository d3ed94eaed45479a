import { show } from "@anyevent/backends/contract";

const DEEPEST = 3;
const MOST_ENTRIES = 50;
const LONGEST_TEXT = 1000;

/**
 * A value for people to read. Getters are not called.
 *
 * @param value any value
 */
export function inspect(value: unknown): string {
  return typeof value === "string" ? value : at(value, 0, []);
}

function at(value: unknown, depth: number, above: readonly object[]): string {
  if (typeof value === "string") {
    const cut = value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value;
    return JSON.stringify(cut);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return show(value);
  if (value instanceof Error) return value.stack ?? String(value);
  if (above.includes(value)) return "[circular]";
  if (depth >= DEEPEST) return `[${show(value)}]`;
  const inside = (item: unknown): string => at(item, depth + 1, [...above, value]);
  if (Array.isArray(value)) return list("[", value.map((item) => () => inside(item)), "]");
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => () => `${inside(key)} => ${inside(item)}`);
    return list(`Map(${value.size}) {`, entries, "}");
  }
  if (value instanceof Set) {
    return list(`Set(${value.size}) {`, [...value].map((item) => () => inside(item)), "}");
  }
  if (ArrayBuffer.isView(value)) return `[${show(value)} of ${value.byteLength} bytes]`;
  const properties = Object.entries(Object.getOwnPropertyDescriptors(value))
    .filter(([, property]) => property.enumerable)
    .map(([key, property]) => () =>
      `${key}: ${property.get ? "[getter]" : inside(property.value)}`
    );
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return list(name === "Object" || name === undefined ? "{" : `${name} {`, properties, "}");
}

function list(open: string, items: readonly (() => string)[], close: string): string {
  if (items.length === 0) return open + close;
  const shown = items.slice(0, MOST_ENTRIES).map((item) => item());
  if (items.length > MOST_ENTRIES) shown.push(`… ${items.length - MOST_ENTRIES} more`);
  const text = shown.join(", ");
  return open.endsWith("[") ? `${open}${text}${close}` : `${open} ${text} ${close}`;
}
