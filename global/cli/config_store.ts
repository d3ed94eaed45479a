/**
 * The configuration file, read so that it can be written again.
 *
 * @module
 */
import { type Env, messageOf, PeerError, show, UsageError } from "@anyevent/backends/contract";
import { type ConfigFile, configPath, parseRelaxed } from "@anyevent/mp";

type Section = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A configuration file: where it is, and what is in it. */
export interface Store {
  /** Its path. */
  readonly path: string;
  /** Its contents; empty when it does not exist. */
  readonly contents: ConfigFile;
}

/** @throws {UsageError} when neither an option nor the environment tells where the file is */
function pathOf(env: Env, given: string | undefined): string {
  const path = given ?? configPath(env);
  if (path === undefined || path === "") {
    throw new UsageError(
      "Cannot find the configuration file: neither ANYEVENT_MP_RC nor HOME is set, or reading " +
        "them is not permitted (name it with --file)",
    );
  }
  return path;
}

/**
 * Reads the configuration file. Unlike a node, which does without one that it cannot read, this takes
 * only one that does not exist for empty: nothing is to be overwritten unseen.
 *
 * @param given path from the command line
 * @throws {UsageError} when it is no configuration
 * @throws {PeerError} when it cannot be read
 */
export async function openStore(env: Env, given: string | undefined): Promise<Store> {
  const path = pathOf(env, given);
  let text: string;
  try {
    text = await env.host.readTextFile(path);
  } catch (error) {
    if (error instanceof PeerError && error.code === "ENOENT") return { path, contents: {} };
    throw error;
  }
  let contents: unknown;
  try {
    contents = text.trim() === "" ? {} : parseRelaxed(text);
  } catch (error) {
    throw new UsageError(`Cannot read configuration ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isObject(contents)) {
    throw new UsageError(`Cannot read configuration ${path}: it is no JSON object`);
  }
  const profiles = contents.profile ?? {};
  if (!isObject(profiles) || !Object.values(profiles).every(isObject)) {
    throw new UsageError(`Cannot read configuration ${path}: its profiles are no JSON objects`);
  }
  return { path, contents };
}

/** The configuration a node command runs with; without a known place for the file, an empty one. */
export async function readConfiguration(env: Env, given: string | undefined): Promise<ConfigFile> {
  if (given === undefined && configPath(env) === undefined) return {};
  const { contents } = await openStore(env, given);
  return contents;
}

/** One profile of a configuration. */
export function profileOf(contents: ConfigFile, name: string): Section | undefined {
  const profiles = contents.profile ?? {};
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/**
 * A configuration with some settings of one profile changed.
 *
 * @param defaults for what the profile does not say itself
 * @param overrides for what it does say as well
 */
export function withProfile(
  contents: ConfigFile,
  name: string,
  defaults: Section,
  overrides: Section,
): ConfigFile {
  const section = { ...defaults, ...profileOf(contents, name), ...overrides };
  return { ...contents, profile: { ...contents.profile, [name]: section } };
}

/**
 * Stores one setting; everything else in the file stays as it is, but for comments.
 *
 * The file is replaced in one step, and readable by its owner only.
 *
 * @param profile `undefined`: the setting for all
 * @throws {PeerError} when the file cannot be written
 */
export async function storeSetting(
  env: Env,
  store: Store,
  profile: string | undefined,
  key: string,
  value: unknown,
): Promise<void> {
  const { path, contents } = store;
  if (profile === "") {
    throw new UsageError(`Cannot change profile ${show(profile)}: it has no name`);
  }
  const changed = profile === undefined
    ? { ...contents, [key]: value }
    : withProfile(contents, profile, {}, { [key]: value });
  await env.host.writeTextFile(path, `${JSON.stringify({ version: 1, ...changed }, null, 3)}\n`);
}
