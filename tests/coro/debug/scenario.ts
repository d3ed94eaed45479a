/** What sessions are asked, over whatever socket. */
import assert from "node:assert/strict";
import { type Coro, schedule } from "@anyevent/coro";
import type { DebugShell, Handle } from "@anyevent/loop";
import { main } from "@anyevent/loop/shell";
import { completions } from "../../../loop/cli/terminal.ts";
import { connect, rest } from "../../loop/debug/support.ts";
import { type Sessions, Typist } from "./support.ts";

export const PROMPT = "coro debug> ";

/** A thread that waits for its end. */
export function blocked({ threads }: Sessions, desc: string): Coro {
  return threads.spawn(function* () {
    yield* schedule(); // @blocked
  }, { desc });
}

/** Reads until a text has come. @returns all up to it */
export async function until(client: Handle, text: string): Promise<string> {
  const escaped = text.replace(/[^\w ]/g, "\\$&");
  return String(await client.read("regex", new RegExp(escaped)));
}

/** Two programs and a person at once. */
export async function severalClients(world: Sessions, shell: DebugShell): Promise<void> {
  const { loop } = world;
  const { address } = shell;
  blocked(world, "first");
  const [one, two] = await Promise.all([connect(loop, address), connect(loop, address)]);
  one.pushWrite("bt 1\n");
  two.pushWrite("bt 2\n");
  await until(one, "1 first is blocked in schedule()");
  await until(two, "2: no such coroutine");
  assert.equal(shell.sessions, 2);
  const person = new Typist(["", "bt 7", "quit", "ps"]);
  const name = address.transport === "unix" ? address.path : `${address.host}:${address.port}`;
  assert.equal(await main([name], person), 0);
  assert.equal(person.text, "7: no such coroutine\n");
  assert.equal(person.prompt, PROMPT);
  const words = "ps bt trace untrace kill cancel ready times enable_times loglevel watch".split(
    " ",
  );
  assert.deepEqual(person.words.slice(0, words.length), words);
  assert.deepEqual(completions("un", person.words), ["untrace"]);
  one.pushWrite("help\n");
  assert.match(await until(one, "ends the session"), /\bps \[w\|v\] .*\nbt <pid> /s);
  one.pushWrite("quit\n");
  assert.match(await rest(one), /coro debug> $/);
  two.destroy();
}
