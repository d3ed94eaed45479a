import type { Undo } from "@anyevent/backends/contract";
import type { DnsPacket, DnsRecord } from "./packet.ts";

/** Most aliases followed for one name. */
export const MAX_CNAMES = 10;

/** What a resolution asks for. */
export interface Wanted {
  /** The full names to try, in lower case, without a dot at the end. */
  readonly names: readonly string[];
  /** Of the question, by name. */
  readonly type: string;
  /** Of the question, by name. */
  readonly class: string;
  /** Types of records that count as an answer; `*`: all. */
  readonly accept: ReadonlySet<string>;
}

/** Asks one question; calls back later, with nothing when nobody answered. */
export type Ask = (
  question: readonly [name: string, type: string, klass: string],
  done: (reply: DnsPacket | undefined) => void,
) => Undo;

/**
 * Tries one name after another until one has records that are wanted, following aliases: inside a reply as
 * far as it goes, then by asking for the alias.
 *
 * @param done gets the records; none when no name has any
 */
export function resolution(
  ask: Ask,
  wanted: Wanted,
  done: (records: DnsRecord[]) => void,
): Undo {
  const names = [...wanted.names];
  let undo: Undo = () => undefined;
  const nextName = (): void => {
    const name = names.shift();
    if (name === undefined) return done([]);
    follow(name, MAX_CNAMES);
  };
  const follow = (name: string, left: number): void => {
    undo = ask([name, wanted.type, wanted.class], (reply) => {
      if (reply === undefined) return nextName();
      const found = look(reply.an, wanted, name, left);
      if (found.records.length > 0) return done(found.records);
      if (found.alias === undefined) return nextName();
      follow(found.alias, found.left);
    });
  };
  nextName();
  return () => undo();
}

interface Found {
  readonly records: DnsRecord[];
  /** What to ask for next; nothing when this name leads nowhere. */
  readonly alias?: string;
  readonly left: number;
}

function look(
  answers: readonly DnsRecord[],
  wanted: Wanted,
  asked: string,
  left: number,
): Found {
  let name = asked;
  for (;;) {
    const about = answers.filter((record) => plain(record[0]) === name);
    const records = about.filter(([, type]) => wanted.accept.has("*") || wanted.accept.has(type));
    if (records.length > 0) return { records, left };
    const alias = about.find(([, type]) => type === "cname");
    if (alias === undefined) return { records, left, ...(name === asked ? {} : { alias: name }) };
    if (left === 0) return { records, left };
    left--;
    name = plain(String(alias[4]));
  }
}

/** A name for comparison. */
export function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
