/**
 * A node for the time of one command.
 *
 * @module
 */
import { type Env, show, UsageError } from "@anyevent/backends/contract";
import { Loop } from "@anyevent/loop";
import { checkConfig, type ConfigFile, Node, nodeOf, type PortId } from "@anyevent/mp";
import type { MeshOptions } from "./command_line.ts";
import { readConfiguration, withProfile } from "./config_store.ts";
// Gives nodes their seeds.
import "../global.ts";

/** The profile of the commands that only talk to other nodes. */
const PROFILE = "aemp";

/** Messages up to this level are shown unless the environment says otherwise: errors. */
const LOG_LEVEL = 1;

/** Settings that the command line says beat those of the file. */
export function explicitSettings(env: Env, options: MeshOptions): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  if (options.seeds.length > 0) settings.seeds = options.seeds;
  if (options.secretEnv !== undefined) {
    const secret = env.host.env(options.secretEnv);
    if (secret === undefined || secret === "") {
      throw new UsageError(
        `Cannot take the secret from ${options.secretEnv}: it is not set, or reading it is not ` +
          `permitted (--allow-env=${options.secretEnv})`,
      );
    }
    settings.secret = secret;
  }
  checkConfig(settings);
  return settings;
}

/** The configuration, with a profile changed by the command line. */
export async function configurationFor(
  env: Env,
  options: MeshOptions,
  profile: string,
  defaults: Readonly<Record<string, unknown>> = {},
): Promise<ConfigFile> {
  const explicit = explicitSettings(env, options);
  return withProfile(await readConfiguration(env, options.file), profile, defaults, explicit);
}

/** An anonymous node in the mesh. */
export class Session {
  /** The node. */
  readonly node: Node;
  /** Its loop. */
  readonly loop: Loop;
  readonly #release: () => void;
  #trouble: string | undefined;

  private constructor(env: Env, configFile: ConfigFile) {
    this.loop = new Loop(env);
    this.#release = this.loop.hold();
    const level = env.host.env("ANYEVENT_MP_WARNLEVEL") ?? "";
    const shown = /^\d+$/.test(level) ? Number(level) : LOG_LEVEL;
    this.node = new Node({
      loop: this.loop,
      configFile,
      log: (level, text) => {
        // The end of a connection, as in `127.0.0.1:4040 Connection refused`.
        if (/^(\S+:\d+|unix\/:\S+) (?!connected as )/.test(text)) this.#trouble = text;
        if (level <= shown) env.log(4, text);
      },
    });
  }

  /**
   * Joins as an anonymous node that does not listen, unless profile `aemp` says otherwise.
   *
   * @throws {UsageError} when the configuration is bad, or without a seed
   */
  static async open(env: Env, options: MeshOptions): Promise<Session> {
    const defaults = { nodeid: "anon/", binds: [] };
    const session = new Session(env, await configurationFor(env, options, PROFILE, defaults));
    try {
      await session.node.configure(PROFILE);
      if (session.node.settings.seeds.length === 0) {
        throw new UsageError("Cannot reach any node: no seeds are configured (--seed HOST:PORT)");
      }
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** Why the last connection ended or did not come to be, in parentheses after a blank; or nothing. */
  get trouble(): string {
    return this.#trouble === undefined ? "" : ` (${this.#trouble})`;
  }

  /** Leaves the mesh: what was sent is on its way when it resolves. */
  async close(): Promise<void> {
    await this.node.stop();
    this.#release();
    this.loop.dispose();
  }
}

/** @throws {UsageError} unless it is the id of a port, or a node, with the node's name */
export function checkTarget(id: string): asserts id is PortId {
  const node = nodeOf(id);
  if (node === "" || /[;\s]/.test(id)) {
    throw new UsageError(
      `Cannot use ${
        show(id)
      } as a port: an id reads like "NODE#NAME", or "NODE" for the node itself`,
    );
  }
}
