/**
 * A mesh of six processes on this machine: a seed, a chat server, two chat clients that talk by script, a
 * time sender and a receiver, each one of the examples. They know nothing but the seed's address and a
 * generated secret, and find each other by port groups. Then the chat server is killed.
 *
 * Run it:       deno task demo   (or: deno run --allow-run=deno examples/demo.ts)
 * Permissions:  run, to start the processes; those get net for 127.0.0.1 and env for the secret.
 * Prints:       what happens as it happens, and at last a table. With --json a line an event: joined,
 *               said, killed, monitor, reconnected, summary; `at` is in seconds since the beginning.
 *
 * It ends with code 0 when all went well. No process stays behind, whatever ends it: they end when their
 * standard input is closed.
 */
import { AE, AnyEvent, TimeoutError } from "@anyevent/loop";
import { Display } from "./demo/display.ts";
import { Story } from "./demo/story.ts";
import { readOptions } from "./support/options.ts";

/** Seconds it may take in all. */
const LIMIT = 18;

const { values } = readOptions({
  name: "demo.ts",
  does: "A mesh of six processes: chat, time, a SIGKILL and the recovery.",
  permissions: "--allow-run=deno",
  options: { json: { help: "events as JSON lines instead of text" } },
});

const display = new Display(values.json === true);
const story = new Story(display, crypto.getRandomValues(new Uint8Array(32)).toHex());
let interrupted: number | undefined;
for (const [signal, code] of [["INT", 130], ["TERM", 143]] as const) {
  AE.signal(signal, () => {
    interrupted ??= code;
    story.company.fail(new Error(`Cannot go on: interrupted by SIG${signal}`));
  });
}
AnyEvent.onCallbackError = (error) => {
  story.company.fail(error instanceof Error ? error : new Error(String(error)));
};
AE.timer(LIMIT, 0, () => {
  story.company.fail(new TimeoutError(`Cannot go on: not done after ${LIMIT} s`));
}).unref();

Deno.exit(await run());

/** Plays the story and clears away. @returns the exit code */
async function run(): Promise<number> {
  try {
    const summary = await story.play();
    const failed = await story.company.dismiss();
    if (failed.length > 0) throw new Error(`Cannot end ${failed.join(", ")}`);
    display.summary(summary);
    return 0;
  } catch (error) {
    await story.company.dismiss();
    console.error(error instanceof Error ? error.message : String(error));
    if (interrupted !== undefined) return interrupted;
    const complaints = story.company.complaints();
    if (complaints !== "") console.error(`The processes said:\n${complaints}`);
    return 1;
  }
}
