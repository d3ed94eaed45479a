/** What the command shows and reads: standard output, error and input. */
export interface Terminal {
  /** Whether help may be in colour. */
  readonly colors: boolean;
  /** Columns to wrap help at; `undefined`: do not wrap. */
  readonly width: number | undefined;
  /** Prints a text and a newline on standard output. */
  out(text: string): void;
  /** Prints a text and a newline on standard error. */
  err(text: string): void;
  /** The first line of standard input, without its end. @param prompt shown when a person types it */
  readLine(prompt: string): Promise<string>;
  /** Resolves when standard input has been closed; what comes before is ignored. */
  inputClosed(): Promise<void>;
}

function columns(): number | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  const { columns } = Deno.consoleSize();
  return columns >= 60 ? columns : undefined;
}

/** Colours are for people who did not decline them. */
function colors(): boolean {
  if (!Deno.stdout.isTerminal()) return false;
  const readable = Deno.permissions.querySync({ name: "env", variable: "NO_COLOR" });
  return readable.state !== "granted" || !Deno.env.get("NO_COLOR");
}

/** The terminal, or whatever stands for it, of this process. Nothing is touched before its use. */
export const processTerminal: Terminal = {
  get colors(): boolean {
    return colors();
  },
  get width(): number | undefined {
    return columns();
  },
  out(text: string): void {
    console.log(text);
  },
  err(text: string): void {
    console.error(text);
  },
  async readLine(prompt: string): Promise<string> {
    if (Deno.stdin.isTerminal()) console.error(prompt);
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(4096);
    let text = "";
    while (!text.includes("\n")) {
      const count = await Deno.stdin.read(chunk);
      if (count === null) break;
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
    return text.replace(/\r?\n[^]*$/, "");
  },
  async inputClosed(): Promise<void> {
    const chunk = new Uint8Array(4096);
    while (await Deno.stdin.read(chunk) !== null);
  },
};
