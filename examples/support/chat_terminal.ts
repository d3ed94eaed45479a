import type { Event, Program } from "./program.ts";

const PROMPT = "> ";

/** What a chat client shows: lines that come in above a prompt, when somebody sits before it. */
export class ChatTerminal {
  readonly #program: Program;
  readonly #prompt: boolean;

  /** @param program whose output it is */
  constructor(program: Program) {
    this.#program = program;
    this.#prompt = program.interactive && Deno.stdin.isTerminal();
  }

  /** Prints the prompt. */
  prompt(): void {
    if (this.#prompt) Deno.stdout.writeSync(new TextEncoder().encode(PROMPT));
  }

  /** Something was said. */
  message(text: string): void {
    this.#line(text, { event: "message", text });
  }

  /** A server was found. */
  connecting(server: string): void {
    this.#line("connecting...", { event: "connecting", server });
  }

  /** The server is gone, and why. */
  disconnected(reason: readonly unknown[]): void {
    this.#line(`disconnected ${reason.join(" ")}`, { event: "disconnected", reason });
  }

  /** What was typed goes nowhere. */
  unsent(text: string): void {
    this.#line("(nobody hears you: no server)", { event: "unsent", text });
  }

  #line(text: string, event: Event): void {
    this.#program.say(this.#prompt ? `\r${" ".repeat(PROMPT.length)}\r${text}` : text, event);
    this.prompt();
  }
}
