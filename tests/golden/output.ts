/**
 * Takes apart what a node sent: three lines, then JSON arrays back to back.
 *
 * On purpose none of the code under test: whatever comes out is parsed as another program would.
 */

/**
 * @param lines gets the lines of the handshake
 * @param message gets each message
 * @returns takes the bytes, cut anywhere
 */
export function outputReader(
  lines: string[],
  message: (message: readonly unknown[]) => void,
): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest = "";
  return (bytes) => {
    rest += decoder.decode(bytes, { stream: true });
    while (lines.length < 3) {
      const end = rest.indexOf("\n");
      if (end < 0) return;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end + 1);
    }
    for (let end = arrayEnd(rest); end > 0; end = arrayEnd(rest)) {
      message(JSON.parse(rest.slice(0, end)));
      rest = rest.slice(end);
    }
  };
}

/** The length of the array a text begins with, 0 when it is not complete. */
function arrayEnd(text: string): number {
  let depth = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (isString) {
      if (c === "\\") i++;
      else if (c === '"') isString = false;
    } else if (c === '"') isString = true;
    else if (c === "[" || c === "{") depth++;
    else if (c === "]" || c === "}") {
      depth--;
      if (depth === 0) return i + 1;
    } else if (depth === 0) throw new Error(`no array: ${text.slice(i, i + 40)}`);
  }
  return 0;
}
