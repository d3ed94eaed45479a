import {
  type Host,
  messageOf,
  PeerError,
  type TlsOptions,
  UsageError,
} from "@anyevent/backends/contract";
import { environment } from "../environment.ts";
import { type TLSConfig, verifies } from "./config.ts";

/** What a context has read: all but what depends on the peer. */
export type TlsMaterial = Omit<TlsOptions, "rest" | "serverName">;

/** A file of `openssl rehash`: a hash, and a number among equal ones. */
const HASHED = /^[0-9a-f]{8}\.\d+$/;

/** Files of one folder of authorities; a store of a whole system has about 150. */
const MAX_AUTHORITIES = 4096;

async function readFile(host: Host, path: string, what: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (cause) {
    const { code = "" } = cause as { readonly code?: string };
    const why = messageOf(cause);
    throw new PeerError(`Cannot load ${what} for TLS: ${why}`, code, { cause });
  }
}

async function readFolder(host: Host, path: string, what: string): Promise<string[]> {
  const { files } = host;
  if (files === undefined) {
    throw new UsageError(`Cannot load ${what} for TLS: this host has no folders`);
  }
  let names: string[];
  try {
    names = (await files.readdir(path)).filter((name) => HASHED.test(name)).sort();
  } catch (cause) {
    const { code = "" } = cause as { readonly code?: string };
    throw new PeerError(`Cannot load ${what} for TLS: ${messageOf(cause)}`, code, { cause });
  }
  const why = names.length === 0
    ? "has no file named by a hash; see `openssl rehash`"
    : `has more than ${MAX_AUTHORITIES} files`;
  if (names.length === 0 || names.length > MAX_AUTHORITIES) {
    throw new PeerError(`Cannot load ${what} for TLS: ${path} ${why}`, "EINVAL");
  }
  const texts: string[] = [];
  for (const name of names) texts.push(await readFile(host, `${path}/${name}`, what));
  return texts;
}

/** The authorities, as texts or where to read them; `undefined`: the host's own. */
function authorities(
  host: Host,
  options: TLSConfig,
): { texts: string[]; read: (() => Promise<string[]>)[] } | undefined {
  const { caCert, caFile, caPath } = options;
  const read: (() => Promise<string[]>)[] = [];
  const file = (path: string, what: string): number =>
    read.push(async () => [await readFile(host, path, what)]);
  const folder = (path: string, what: string): number =>
    read.push(() => readFolder(host, path, what));
  if (caCert === undefined && caFile === undefined && caPath === undefined) {
    const byFile = environment(host, "CA_FILE");
    const byPath = environment(host, "CA_PATH");
    if (byFile?.value) file(byFile.value, byFile.name);
    if (byPath?.value) folder(byPath.value, byPath.name);
    return read.length > 0 ? { texts: [], read } : undefined;
  }
  if (caFile !== undefined) file(caFile, "caFile");
  if (caPath !== undefined) folder(caPath, "caPath");
  return { texts: caCert === undefined ? [] : [caCert], read };
}

/**
 * Reads what a context needs; at once when it needs no files and no callback.
 *
 * @param password what `certPassword` gives
 */
export function loadMaterial(
  host: Host,
  options: TLSConfig,
  password: () => string | Promise<string> | undefined,
): TlsMaterial | Promise<TlsMaterial> {
  const { certificate, alpn, minVersion = "TLSv1.2", cert, certFile, key, keyFile } = options;
  const common = { minVersion, ...(alpn === undefined ? {} : { alpn }) };
  if (certificate !== undefined) return { certificate, ...common };
  const verify = verifies(options);
  const requireClientCert = verify && options.verifyRequireClientCert === true;
  const trust = verify ? authorities(host, options) : undefined;
  const base = { ...common, verify, requireClientCert };
  const made = (
    ca: string[] | undefined,
    own: Pick<TlsOptions, "cert" | "key" | "keyPassword">,
  ): TlsMaterial => {
    const given = Object.entries(own).filter(([, value]) => value !== undefined);
    return { ...base, ...(ca === undefined ? {} : { ca }), ...Object.fromEntries(given) };
  };
  const async = certFile !== undefined || keyFile !== undefined ||
    typeof options.certPassword === "function" || (trust?.read.length ?? 0) > 0;
  if (!async) return made(trust?.texts, { cert, key, keyPassword: password() as string });
  return (async () => {
    const ca = trust === undefined ? undefined : [...trust.texts];
    for (const read of trust?.read ?? []) ca?.push(...await read());
    const file = async (path: string | undefined, what: string): Promise<string | undefined> =>
      path === undefined ? undefined : await readFile(host, path, what);
    return made(ca, {
      cert: cert ?? await file(certFile, "certFile"),
      key: key ?? await file(keyFile, "keyFile"),
      keyPassword: await password(),
    });
  })();
}
