/** What the command prints to and reads from. */
export interface Terminal {
  /** Whether a person types. */
  readonly interactive: boolean;
  /** Prints a text on standard output, as it is. */
  out(text: string): void;
  /** Prints a text and a newline on standard error. */
  err(text: string): void;
  /**
   * The lines of standard input, without their ends.
   *
   * @param complete words that a person may want to type; asked when they press the tab key
   * @param prompt shown to a person
   */
  lines(complete: () => readonly string[], prompt?: string): AsyncIterable<string>;
}

/** Lines that a person types, with history and completion. */
async function* typed(
  complete: () => readonly string[],
  prompt: string,
): AsyncGenerator<string> {
  const { createInterface } = await import("node:readline");
  const process = (await import("node:process")).default;
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt,
    completer: (line: string) => [completions(line, complete()), line],
  });
  try {
    reader.prompt();
    for await (const line of reader) {
      yield line;
      reader.prompt();
    }
  } finally {
    reader.close();
  }
}

/**
 * What a line can be completed to: commands are its first word.
 *
 * @param line typed so far
 * @param words all commands
 */
export function completions(line: string, words: readonly string[]): string[] {
  const typed = line.trimStart();
  return /\s/.test(typed) ? [] : words.filter((word) => word.startsWith(typed));
}

/** Lines of a pipe or file; what is after the last newline is one, too. */
async function* piped(): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65_536);
  let text = "";
  for (let count = await Deno.stdin.read(chunk); count !== null;) {
    text += decoder.decode(chunk.subarray(0, count), { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    yield* lines;
    count = await Deno.stdin.read(chunk);
  }
  text += decoder.decode();
  if (text !== "") yield text;
}

/** The terminal, or whatever stands for it, of this process. Nothing is touched before its use. */
export const processTerminal: Terminal = {
  get interactive(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  },
  out(text: string): void {
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  },
  err(text: string): void {
    console.error(text);
  },
  lines(complete, prompt = "> ") {
    return this.interactive ? typed(complete, prompt) : piped();
  },
};
