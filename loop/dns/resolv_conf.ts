import { show, UsageError } from "@anyevent/backends/contract";
import { formatAddress, parseAddress } from "../address.ts";

/** What a file like `/etc/resolv.conf` says. */
export interface ResolvConf {
  /** Addresses of name servers. */
  readonly server: readonly string[];
  /** Suffixes to try. */
  readonly search: readonly string[];
  /** Seconds, from `options timeout:N`. */
  readonly timeout: number | undefined;
  /** From `options attempts:N`. */
  readonly attempts: number | undefined;
  /** From `options ndots:N`. */
  readonly ndots: number | undefined;
  /** Name servers that are no addresses, and are left out. */
  readonly invalid: readonly string[];
}

/** More lines of a kind than this are not looked at. */
const MOST = 64;

/**
 * Parses a text in the format of `/etc/resolv.conf`: `nameserver`, `domain`, `search` (the last of these
 * two counts), `options` with `timeout:N`, `attempts:N`, `ndots:N`, and comments from `#` or `;` on.
 * Everything else is ignored, and so are name servers that are no addresses.
 *
 * Follows AnyEvent::DNS's `parse_resolv_conf`.
 *
 * @param text the whole file
 * @returns what it says
 * @example
 * ```ts
 * import { parseResolvConf } from "@anyevent/loop";
 *
 * console.log(parseResolvConf("nameserver 127.0.0.1\nsearch a.example b.example\n").search);
 * ```
 */
export function parseResolvConf(text: string): ResolvConf {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot parse resolver configuration ${show(text)}: it is not a string`);
  }
  const server: string[] = [];
  const invalid: string[] = [];
  let search: readonly string[] = [];
  const options: { timeout?: number; attempts?: number; ndots?: number } = {};
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.replace(/[;#].*$/s, "").trim().split(/\s+/);
    switch (word.toLowerCase()) {
      case "nameserver": {
        if (rest.length !== 1 || server.length >= MOST) break;
        const bytes = parseAddress(rest[0]);
        if (bytes === undefined || bytes.length < 4) invalid.push(rest[0]);
        else server.push(formatAddress(bytes)!);
        break;
      }
      case "domain":
        search = rest.slice(0, 1);
        break;
      case "search":
        search = rest.slice(0, MOST);
        break;
      case "options":
        for (const option of rest) {
          const [, name, digits] = /^(timeout|attempts|ndots):(\d{1,4})$/.exec(option) ?? [];
          if (name !== undefined) options[name as keyof typeof options] = Number(digits);
        }
    }
  }
  const { timeout, attempts, ndots } = options;
  return { server, search, timeout, attempts, ndots, invalid };
}
