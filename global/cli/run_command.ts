/**
 * `run`.
 *
 * @module
 */
import { ClosedError, type Env } from "@anyevent/backends/contract";
import { Loop, type Watcher } from "@anyevent/loop";
import { checkConfig, Node } from "@anyevent/mp";
import type { MeshOptions } from "./command_line.ts";
import { warnAboutArgument } from "./config_commands.ts";
import { configurationFor } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { parseWords } from "./words.ts";

/** What ends the node, by operating system. */
function stopSignals(): readonly string[] {
  return Deno.build.os === "windows" ? ["INT", "BREAK"] : ["INT", "TERM", "HUP"];
}

/** Prints what happens to a node. */
class Reporter {
  readonly #node: Node;
  readonly #terminal: Terminal;
  readonly #json: boolean;

  constructor(node: Node, terminal: Terminal, json: boolean) {
    this.#node = node;
    this.#terminal = terminal;
    this.#json = json;
  }

  #event(event: Record<string, unknown>): void {
    if (this.#json) this.#terminal.out(JSON.stringify(event));
  }

  /** The node listens; nodes that were faster come next. */
  ready(): void {
    const { id, listeners } = this.#node;
    if (!this.#json) this.#terminal.out(`node ${id} listens on [${listeners.join(", ")}]`);
    this.#event({ event: "ready", node: id, listeners });
    for (const other of this.#node.upNodes()) this.#event({ event: "up", node: other });
    this.#node.monNodes((other, up, ...reason) => {
      this.#event(
        up ? { event: "up", node: other } : { event: "down", node: other, reason },
      );
    });
  }
}

/**
 * `aemp run`: a node as configured, until a signal or, if asked for, the end of standard input. It is
 * stopped cleanly; a second signal has its usual effect.
 *
 * @throws {UsageError} for bad settings
 * @throws {PeerError} when it cannot bind
 */
export async function runNode(
  env: Env,
  terminal: Terminal,
  options: MeshOptions & {
    readonly json: boolean;
    readonly exitWithStdin: boolean;
    readonly words: readonly string[];
  },
): Promise<void> {
  const words = parseWords(options.words);
  if (words.config.secret !== undefined) warnAboutArgument(terminal);
  const config = checkConfig(words.config);
  const profile = words.profile ?? config.profile ?? env.host.hostname();
  const configFile = await configurationFor(env, options, profile);

  const loop = new Loop(env);
  const release = loop.hold();
  const node = new Node({ loop, configFile });
  let watchers: Watcher[] = [];
  let stopping = false;
  try {
    const stop = Promise.withResolvers<void>();
    watchers = stopSignals().map((signal) => loop.signal({ signal, cb: () => stop.resolve() }));
    if (options.exitWithStdin) {
      terminal.inputClosed().then(stop.resolve, stop.reject);
    }
    const running = node.configure(profile, config).then(() => {
      if (!stopping) new Reporter(node, terminal, options.json).ready();
    });
    // Not ready yet, it may have to stop already; and it ends at once when it cannot become ready.
    await Promise.race([stop.promise, running.then(() => stop.promise)]);
    stopping = true;
    for (const watcher of watchers) watcher.cancel();
    await node.stop();
    await running.catch((error) => {
      if (!(error instanceof ClosedError)) throw error;
    });
  } finally {
    for (const watcher of watchers) watcher.cancel();
    await node.stop();
    release();
    loop.dispose();
  }
}
