import { type Env, messageOf, PeerError, show, UsageError } from "@anyevent/backends/contract";
import { type Seconds, seconds } from "@anyevent/loop";
import { OUR_AUTHS } from "./wire/mod.ts";

/** What `configure` understands; every key may also stand in the configuration file (in snake_case). */
export interface NodeConfig {
  /** Profile of the configuration file to use. Default: the host's name. */
  readonly profile?: string;
  /** Node id; `anon/` for a random one. Default: the profile's name. */
  readonly nodeid?: string;
  /** Shared secret. Needed to bind to or connect beyond loopback, unless there is a certificate. */
  readonly secret?: string;
  /** PEM text: private key, certificate and authorities. */
  readonly cert?: string;
  /** Addresses to listen on; `[]`: none. Default: `["*"]` with a secret, else `["127.0.0.1:*"]`. */
  readonly binds?: readonly string[] | string;
  /** Addresses of nodes that let us into the mesh. */
  readonly seeds?: readonly string[] | string;
  /** Run at the end of `configure`: `"mod::"` loads a module, `"mod::f"` or `["mod::f", ...args]` calls. */
  readonly services?: readonly (string | readonly unknown[])[];
  /** Seconds to wait for a connection or during a handshake. Default 30. */
  readonly monitorTimeout?: Seconds;
  /** Seconds between attempts to connect, and base of the seeding interval. Default 2. */
  readonly connectInterval?: Seconds;
  /** Framings this node reads and writes, by preference. Default `["jsonl", "json"]`. */
  readonly framingFormat?: readonly string[] | string;
  /** Authentication methods this node sends. */
  readonly authOffer?: readonly string[] | string;
  /** Authentication methods this node accepts, by preference. */
  readonly authAccept?: readonly string[] | string;
  /** `"perl"`: also talk to AnyEvent::MP of Perl, by its weaker `hmac_md6_64_256`. */
  readonly compat?: "perl";
  /** Whether to announce encryption (`xtls=1`). Default true; false only makes sense with `compat`. */
  readonly encrypt?: boolean;
  /** Small messages leave at once. Default true. */
  readonly nodelay?: boolean;
  /** Accepted for compatibility: messages of one turn always leave together. */
  readonly autocork?: boolean;
  /** Module prefix (`"mymod::"`) to folder URL: what `spawn` may load on this node. Default none. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Whether peers may evaluate code here. Default false. */
  readonly eval?: boolean;
  /** Bytes that may wait to be sent to one node before the link counts as lost. Default 64 MiB. */
  readonly sendQueueLimit?: number;
  /** Bytes of one incoming message. Default 64 MiB. */
  readonly maxFrameBytes?: number;
  /** Connections that may be under handshake at one time. Default 256. */
  readonly maxHandshakes?: number;
  /** Seconds `stop` waits for queued data to leave. Default 2. */
  readonly flushTimeout?: Seconds;
}

/** Keys of settings that are lists. */
export type ListKey = "binds" | "seeds" | "framingFormat" | "authOffer" | "authAccept";
/** Keys of settings that are spans of time. */
export type SecondsKey = "monitorTimeout" | "connectInterval" | "flushTimeout";
/** Keys of settings without a default. */
export type OptionalKey = "secret" | "cert" | "compat";

/** A configuration with all defaults filled in; what has no default may be `undefined`. */
export type Settings =
  & Required<Omit<NodeConfig, ListKey | OptionalKey | SecondsKey>>
  & { readonly [K in SecondsKey]: number }
  & { readonly [K in ListKey]: readonly string[] }
  & { readonly [K in OptionalKey]: NodeConfig[K] };

type Kind = "string" | "list" | "seconds" | "count" | "boolean" | "services" | "modules" | "compat";

const KEYS: Readonly<Record<keyof NodeConfig, Kind>> = {
  profile: "string",
  nodeid: "string",
  secret: "string",
  cert: "string",
  binds: "list",
  seeds: "list",
  services: "services",
  monitorTimeout: "seconds",
  connectInterval: "seconds",
  framingFormat: "list",
  authOffer: "list",
  authAccept: "list",
  compat: "compat",
  encrypt: "boolean",
  nodelay: "boolean",
  autocork: "boolean",
  modules: "modules",
  eval: "boolean",
  sendQueueLimit: "count",
  maxFrameBytes: "count",
  maxHandshakes: "count",
  flushTimeout: "seconds",
};

/** The keys a secret may hide behind: their values never appear in messages. */
const SECRET_KEYS: ReadonlySet<string> = new Set(["secret", "cert"]);

/**
 * The name of a setting in a program: `monitorTimeout` for `monitor_timeout`.
 *
 * @param key a name as in the configuration file
 * @returns what is in camelCase already comes back as it is
 * @throws {UsageError} when it is not a string
 * @example
 * ```ts
 * import { camelKey } from "@anyevent/mp";
 *
 * console.log(camelKey("monitor_timeout"), camelKey("seeds")); // monitorTimeout seeds
 * ```
 */
export function camelKey(key: string): string {
  if (typeof key !== "string") {
    throw new UsageError(`Cannot name setting ${show(key)}: it is not a string`);
  }
  return key.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
}

function fail(key: string, value: unknown, want: string): never {
  const shown = SECRET_KEYS.has(key) ? "(hidden)" : show(value);
  throw new UsageError(`Cannot configure ${key} as ${shown}: it must be ${want}`);
}

function checkValue(key: keyof NodeConfig, value: unknown): unknown {
  switch (KEYS[key]) {
    case "string":
      if (typeof value !== "string" || value === "") fail(key, value, "a non-empty string");
      // deno-lint-ignore no-control-regex
      if (key === "secret" && /[\x00-\x1f\x7f]/.test(value)) fail(key, value, "printable");
      return value;
    case "list": {
      const list = typeof value === "string" ? value.split(",").filter((v) => v !== "") : value;
      if (
        !Array.isArray(list) || !list.every((v) => typeof v === "string" || typeof v === "number")
      ) {
        fail(key, value, "a list of strings, or one string with commas");
      }
      return list.map(String);
    }
    case "seconds": {
      // The configuration file holds numbers as strings.
      const length = typeof value === "string"
        ? Number(value || NaN)
        : seconds(value as Seconds, `configure ${key}`);
      if (!(length > 0) || length > 1e9) fail(key, value, "a positive number of seconds");
      return length;
    }
    case "count": {
      const count = typeof value === "string" && value !== "" ? Number(value) : value;
      if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 1) {
        fail(key, value, "a positive whole number");
      }
      return count;
    }
    case "boolean":
      if (value === "0" || value === "" || value === 0) return false;
      if (value === "1" || value === 1) return true;
      if (typeof value !== "boolean") fail(key, value, "true or false");
      return value;
    case "services":
      if (!Array.isArray(value) || !value.every((v) => typeof v === "string" || Array.isArray(v))) {
        fail(key, value, "a list of names, or of lists of a name and arguments");
      }
      return value;
    case "modules":
      if (
        typeof value !== "object" || value === null ||
        !Object.values(value).every((v) => typeof v === "string")
      ) fail(key, value, "an object of prefixes and folder URLs");
      return value;
    case "compat":
      if (value !== "perl") fail(key, value, `"perl"`);
      return value;
  }
}

/**
 * Checks a configuration, and brings its values into one form.
 *
 * @param config settings, in camelCase or as the configuration file has them
 * @returns camelCase keys; lists as arrays; without what was `undefined` or `null`
 * @throws {UsageError} for an unknown key or a bad value; secrets are never shown
 * @example
 * ```ts
 * import { checkConfig } from "@anyevent/mp";
 *
 * console.log(checkConfig({ connect_interval: "3" })); // { connectInterval: 3 }
 * try {
 *   checkConfig({ seeds: 4040 });
 * } catch (error) {
 *   console.log((error as Error).message); // Cannot configure seeds as 4040: it must be a list …
 * }
 * ```
 */
export function checkConfig(config: unknown): NodeConfig {
  if (!isObject(config)) {
    throw new UsageError(
      `Cannot configure with ${unlessText(config)}: it must be an object of settings`,
    );
  }
  const checked: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(config)) {
    const key = camelKey(given) as keyof NodeConfig;
    if (!Object.hasOwn(KEYS, key)) {
      throw new UsageError(
        `Cannot configure ${show(given)}: known settings are ${Object.keys(KEYS).join(", ")}`,
      );
    }
    if (value !== undefined && value !== null) checked[key] = checkValue(key, value);
  }
  return checked;
}

/** The configuration file: settings for all, and profiles. */
export interface ConfigFile {
  /** A setting for all profiles. */
  readonly [key: string]: unknown;
  /** Format of the file. */
  readonly version?: unknown;
  /** Settings by profile; `parent` names another one. */
  readonly profile?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * Where the configuration file is: `ANYEVENT_MP_RC`, `PERL_ANYEVENT_MP_RC`, `~/.perl-anyevent-mp`.
 *
 * Follows AnyEvent::MP::Config.
 *
 * @param env whose environment variables to read
 * @returns `undefined` when the environment does not tell, or may not be read
 * @throws {UsageError} when it is no Env
 * @example
 * ```ts
 * import { simWorld } from "@anyevent/backends/sim";
 * import { configPath } from "@anyevent/mp";
 *
 * const env = simWorld().env("host", { variables: { HOME: "/home/me" } });
 * console.log(configPath(env)); // /home/me/.perl-anyevent-mp
 * ```
 */
export function configPath(env: Env): string | undefined {
  const { host } = checkEnv(env, "find configuration file");
  const given = host.env("ANYEVENT_MP_RC") ?? host.env("PERL_ANYEVENT_MP_RC");
  if (given !== undefined && given !== "") return given;
  const home = host.env("HOME");
  if (home !== undefined && home !== "") return `${home}/.perl-anyevent-mp`;
  const data = host.env("APPDATA");
  return data !== undefined && data !== "" ? `${data}/perl-anyevent-mp` : undefined;
}

/**
 * JSON with `#` comments and trailing commas, as Perl's "relaxed" mode reads it.
 *
 * @param text one value
 * @returns the value
 * @throws {UsageError} when it is none; nothing of the text is shown, as secrets may be in it
 * @example
 * ```ts
 * import { parseRelaxed } from "@anyevent/mp";
 *
 * console.log(parseRelaxed(`{
 *   "seeds": ["192.0.2.1:4040",], # two commas too many
 * }`)); // { seeds: [ "192.0.2.1:4040" ] }
 * ```
 */
export function parseRelaxed(text: string): unknown {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot parse relaxed JSON: ${show(text)} is not a string`);
  }
  let out = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === "\\") i++;
      out += text.slice(start, i + 1);
    } else if (c === "#") {
      while (i < text.length && text[i] !== "\n") i++;
      out += "\n";
    } else if (c === "]" || c === "}") {
      out = out.replace(/,\s*$/, "") + c;
    } else out += c;
  }
  try {
    return JSON.parse(out);
  } catch (error) {
    // The host quotes the text around the place, which may be a secret; so it is no cause either.
    const why = messageOf(error).replace(/,? ?(?:\.\.\.)?"[^]*$/, "") || "it is none";
    throw new UsageError(`Cannot parse relaxed JSON: ${why}`);
  }
}

function checkEnv(env: Env, what: string): Env {
  if (typeof env?.host?.env === "function") return env;
  throw new UsageError(`Cannot ${what}: ${show(env)} is no Env`);
}

/** Text in the place of settings may be all of the configuration file, secret and all. */
function unlessText(value: unknown): string {
  return typeof value === "string" ? "text" : show(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the configuration file, where {@linkcode configPath} says it is. Nothing in it is checked yet.
 *
 * @param env whose files and environment variables to read
 * @returns an empty one when there is none, or it may not be read
 * @throws {UsageError} when it is no JSON object, or `env` no Env
 * @example
 * ```ts
 * import { simWorld } from "@anyevent/backends/sim";
 * import { readConfigFile } from "@anyevent/mp";
 *
 * const env = simWorld().env("host", { variables: { ANYEVENT_MP_RC: "/etc/aemp" } });
 * console.log(await readConfigFile(env)); // {}
 * await env.host.writeTextFile("/etc/aemp", `{ "secret": "geheim" }`);
 * console.log(await readConfigFile(env)); // { secret: "geheim" }
 * ```
 */
export async function readConfigFile(env: Env): Promise<ConfigFile> {
  const path = configPath(env);
  if (path === undefined) return {};
  let text: string;
  try {
    text = await env.host.readTextFile(path);
  } catch (error) {
    // Missing, unreadable, or not permitted: as Perl does, go on without.
    if (error instanceof PeerError || error instanceof UsageError) return {};
    throw error;
  }
  let value: unknown;
  try {
    value = text.trim() === "" ? {} : parseRelaxed(text);
  } catch (error) {
    throw new UsageError(`Cannot read configuration ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isObject(value)) {
    throw new UsageError(`Cannot read configuration ${path}: it is no JSON object`);
  }
  return value;
}

function settingsOf(part: Readonly<Record<string, unknown>>): NodeConfig {
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(part)) {
    if (key !== "version" && key !== "profile" && key !== "parent") rest[key] = value;
  }
  return checkConfig(rest);
}

/**
 * The effective settings: built-in, then what the program passes, then the file's top level, then the
 * profile's ancestors, then the profile. So the file beats the program, as in AnyEvent::MP.
 *
 * Follows AnyEvent::MP::Config's `find_profile`.
 *
 * @param given what the program passes, checked
 * @param file what the configuration file holds
 * @param env names the host, which is the default profile
 * @returns all settings
 * @throws {UsageError} for bad values and for a cycle of parents; secrets are never shown
 * @example
 * ```ts
 * import { defaultLoop } from "@anyevent/loop";
 * import { resolveSettings } from "@anyevent/mp";
 *
 * const file = { secret: "geheim", profile: { db: { parent: "lan" }, lan: { binds: "*:4040" } } };
 * const settings = resolveSettings({ profile: "db" }, file, defaultLoop().env);
 * console.log(settings.nodeid, settings.binds, settings.connectInterval); // db [ "*:4040" ] 2
 * ```
 */
export function resolveSettings(given: NodeConfig, file: ConfigFile, env: Env): Settings {
  const settings = checkConfig(given);
  if (!isObject(file)) {
    throw new UsageError(
      `Cannot use configuration file: ${unlessText(file)} is not an object of settings`,
    );
  }
  const { profile: profiles = {} } = file;
  if (!isObject(profiles)) {
    throw new UsageError(
      `Cannot use profiles: ${unlessText(profiles)} is not an object of profiles`,
    );
  }
  const profile = settings.profile ?? checkEnv(env, "resolve settings").host.hostname();
  const chain: NodeConfig[] = [];
  const seen = new Set<string>();
  for (let name: string | undefined = profile; name !== undefined;) {
    if (seen.has(name)) {
      throw new UsageError(`Cannot use profile ${show(profile)}: its parents form a cycle`);
    }
    seen.add(name);
    const part: unknown = (Object.hasOwn(profiles, name) ? profiles[name] : undefined) ?? {};
    if (!isObject(part)) {
      throw new UsageError(
        `Cannot use profile ${show(name)}: ${unlessText(part)} is not an object of settings`,
      );
    }
    chain.unshift(settingsOf(part));
    const { parent } = part;
    if (typeof parent !== "string" && parent !== undefined && parent !== null) {
      throw new UsageError(`Cannot use profile ${show(name)}: parent ${show(parent)} is no name`);
    }
    name = parent ?? undefined;
  }
  const config: NodeConfig = Object.assign({}, settings, settingsOf(file), ...chain);
  const { secret, cert, compat } = config;
  const tls = cert !== undefined ? ["tls_md6_64_256"] : [];
  const perl = compat === "perl" ? ["tls_md6_64_256", "hmac_md6_64_256"] : tls;
  const encrypt = config.encrypt ?? true;
  // A certificate does without a secret; nothing at all means the empty one (see RATIONALE.md).
  const shared = secret !== undefined || cert === undefined;
  const auths = [...(encrypt && shared ? OUR_AUTHS : []), ...perl];
  return {
    profile,
    nodeid: config.nodeid ?? profile,
    secret,
    cert,
    binds: (config.binds as readonly string[] | undefined) ??
      (secret !== undefined || cert !== undefined ? ["*"] : ["127.0.0.1:*"]),
    seeds: (config.seeds as readonly string[] | undefined) ?? [],
    services: config.services ?? [],
    monitorTimeout: (config.monitorTimeout as number | undefined) ?? 30,
    connectInterval: (config.connectInterval as number | undefined) ?? 2,
    framingFormat: (config.framingFormat as readonly string[] | undefined) ?? ["jsonl", "json"],
    authOffer: (config.authOffer as readonly string[] | undefined) ?? auths,
    authAccept: (config.authAccept as readonly string[] | undefined) ?? auths,
    compat,
    encrypt,
    nodelay: config.nodelay ?? true,
    autocork: config.autocork ?? false,
    modules: config.modules ?? {},
    eval: config.eval ?? false,
    sendQueueLimit: config.sendQueueLimit ?? 64 * 1024 * 1024,
    maxFrameBytes: config.maxFrameBytes ?? 64 * 1024 * 1024,
    maxHandshakes: config.maxHandshakes ?? 256,
    flushTimeout: (config.flushTimeout as number | undefined) ?? 2,
  };
}
