import { type Host, show, UsageError } from "@anyevent/backends/contract";
import { formatAddress, parseAddress } from "../address.ts";
import { environment } from "../environment.ts";

/**
 * Parses a text in the format of `/etc/hosts`: an address, then its names; `#` begins a comment.
 *
 * @param text the whole file
 * @returns the addresses of each name, in the order of the file; names in lower case
 * @example
 * ```ts
 * import { parseHosts } from "@anyevent/loop";
 *
 * console.log(parseHosts("127.0.0.1 localhost me # comment\n").get("me")); // [ "127.0.0.1" ]
 * ```
 */
export function parseHosts(text: string): Map<string, string[]> {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot parse hosts ${show(text)}: it is not a string`);
  }
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address, ...names] = line.replace(/#.*$/s, "").trim().split(/\s+/);
    const bytes = parseAddress(address);
    if (bytes === undefined || bytes.length < 4) continue;
    const known = formatAddress(bytes)!;
    for (const name of names.map((name) => name.toLowerCase())) {
      const addresses = hosts.get(name);
      if (addresses === undefined) hosts.set(name, [known]);
      else if (!addresses.includes(known)) addresses.push(known);
    }
  }
  return hosts;
}

/** Where the host keeps it: `ANYEVENT_HOSTS`, else where its system has it. */
export function hostsPath(host: Host): string {
  const windows = host.env("SystemRoot");
  return environment(host, "HOSTS")?.value ||
    (windows ? `${windows}\\system32\\drivers\\etc\\hosts` : "/etc/hosts");
}
