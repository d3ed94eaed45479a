import { show, UsageError } from "../contract/errors.ts";

/** Names and numbers of the signals a simulated process can get, as on Linux. */
export const SIGNALS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
};

/** The number of a signal named without `SIG`. @throws {UsageError} for a name that is none */
export function signalNumber(name: string, doing: string): number {
  const number = typeof name === "string" && Object.hasOwn(SIGNALS, name) ? SIGNALS[name] : 0;
  if (number === 0) {
    throw new UsageError(
      `Cannot ${doing} ${show(name)}: give the name of a signal without SIG, as in "INT"`,
    );
  }
  return number;
}
