import type { Random } from "@anyevent/backends/contract";
import type { NameRecord } from "../name_resolver.ts";

/** Where a service is offered. */
export type SrvRecord = readonly [priority: number, weight: number, port: number, target: string];

/**
 * Records in the order in which to try them (RFC 2782): lower priorities first; among equal ones by chance,
 * each first as often as its weight is part of the sum.
 */
export function srvOrder(records: readonly NameRecord[], random: Random): SrvRecord[] {
  const all = records.map((record): SrvRecord => [
    Number(record[4]),
    Number(record[5]),
    Number(record[6]),
    String(record[7]),
  ]);
  const out: SrvRecord[] = [];
  for (const priority of [...new Set(all.map((one) => one[0]))].sort((a, b) => a - b)) {
    // Those without weight come first, so that they have a chance at all.
    const left = all.filter((one) => one[0] === priority).sort((a, b) => a[1] - b[1]);
    while (left.length > 0) {
      const sum = left.reduce((sum, one) => sum + one[1], 0);
      let mark = Math.floor(random.float() * (sum + 1));
      const at = left.findIndex((one) => (mark -= one[1]) <= 0);
      out.push(...left.splice(Math.max(0, at), 1));
    }
  }
  return out;
}
