/**
 * `gensecret`, `setsecret`, `showconfig`, `showprofile`.
 *
 * @module
 */
import { type Env, show, UsageError } from "@anyevent/backends/contract";
import { checkConfig, escapeUnique, resolveSettings } from "@anyevent/mp";
import { openStore, profileOf, readConfiguration, storeSetting } from "./config_store.ts";
import type { Terminal } from "./terminal.ts";
import { parseWords } from "./words.ts";

/** Random bytes in a secret. */
const SECRET_BYTES = 64;

/** Settings that are shown only when asked for. */
const HIDDEN: ReadonlySet<string> = new Set(["secret", "cert"]);

/**
 * A new secret: random bytes in base64 with the escapes of AEMP, and one of the two `=`, as
 * AnyEvent::MP makes them.
 */
export function newSecret(env: Env): string {
  const bytes = env.random.bytes(SECRET_BYTES);
  return escapeUnique(btoa(String.fromCharCode(...bytes)).replace("=", ""));
}

async function storeSecret(
  env: Env,
  terminal: Terminal,
  options: { readonly file?: string; readonly profile?: string },
  secret: string,
): Promise<void> {
  const { file, profile } = options;
  checkConfig({ secret });
  const store = await openStore(env, file);
  const section = profile === undefined ? store.contents : profileOf(store.contents, profile);
  const done = section?.secret === undefined ? "stored" : "replaced";
  await storeSetting(env, store, profile, "secret", secret);
  const where = profile === undefined ? "" : `, profile ${profile}`;
  terminal.out(`secret ${done} in ${store.path}${where}`);
}

/** `aemp gensecret`: makes a secret and stores it, never shows it. */
export async function generateSecret(
  env: Env,
  terminal: Terminal,
  options: { readonly file?: string; readonly profile?: string },
): Promise<void> {
  await storeSecret(env, terminal, options, newSecret(env));
}

/** `aemp setsecret`: stores a secret from standard input or, with a warning, the command line. */
export async function setSecret(
  env: Env,
  terminal: Terminal,
  options: { readonly file?: string; readonly profile?: string; readonly secret?: string },
): Promise<void> {
  let { secret } = options;
  if (secret === undefined) {
    secret = await terminal.readLine("Type the secret (it will show), then return:");
    if (secret === "") throw new UsageError("Cannot set secret: standard input is empty");
  } else warnAboutArgument(terminal);
  await storeSecret(env, terminal, options, secret);
}

/** For a secret that came by the command line. */
export function warnAboutArgument(terminal: Terminal): void {
  terminal.err(
    "aemp: warning: other users can see the secret in the list of processes, and the shell may " +
      "keep it; better give it on standard input or in the environment",
  );
}

/** `monitorTimeout` to `monitor_timeout`, as the file has it. */
function fileKey(key: string): string {
  return key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

function pretty(settings: object, showSecrets: boolean): string {
  const shown = Object.entries(settings).map(([key, value]) => {
    const hide = HIDDEN.has(key) && value !== undefined && !showSecrets;
    return [fileKey(key), hide ? "(hidden)" : value];
  });
  return JSON.stringify(Object.fromEntries(shown), null, 3);
}

/** `aemp showconfig`: the settings a node would have. */
export async function showConfig(
  env: Env,
  terminal: Terminal,
  options: {
    readonly file?: string;
    readonly showSecrets: boolean;
    readonly words: readonly string[];
  },
): Promise<void> {
  const { profile, config } = parseWords(options.words);
  if (config.secret !== undefined) warnAboutArgument(terminal);
  const contents = await readConfiguration(env, options.file);
  const given = { ...checkConfig(config), ...(profile === undefined ? {} : { profile }) };
  const { profile: _, ...settings } = resolveSettings(given, contents, env);
  terminal.out(pretty(settings, options.showSecrets));
}

/** `aemp showprofile`: what the file says in one profile. */
export async function showProfile(
  env: Env,
  terminal: Terminal,
  options: { readonly file?: string; readonly showSecrets: boolean; readonly profile: string },
): Promise<void> {
  const { path, contents } = await openStore(env, options.file);
  const section = profileOf(contents, options.profile);
  if (section === undefined) {
    const names = Object.keys(contents.profile ?? {});
    throw new UsageError(
      `Cannot show profile ${show(options.profile)}: ${path} has ` +
        (names.length === 0 ? "no profiles" : `only ${names.join(", ")}`),
    );
  }
  terminal.out(pretty(section, options.showSecrets));
}
