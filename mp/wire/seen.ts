/** How text from a peer may appear in a reason or log line. */

const MAX_SHOWN = 80;

/**
 * Text from outside, made safe to print: printable ASCII in quotes, at most 80 characters.
 *
 * @param text what was received
 * @returns every other character replaced by `?`; `...` marks a cut
 */
export function seen(text: string): string {
  const cut = text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN - 3) + "..." : text;
  return `"${cut.replace(/[^\x20-\x7e]/g, "?")}"`;
}
