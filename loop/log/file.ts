import { type AppendFile, type Host, messageOf, UsageError } from "@anyevent/backends/contract";

/** Where a context writes its messages. */
export interface LogFile {
  /** Never throws. */
  write(text: string): void;
  close(): void;
}

/**
 * A file to append messages to.
 *
 * @param keepOpen else it is opened for each message
 * @param failed gets what went wrong, once until it works again
 * @throws {UsageError} where the host has no files that can be appended to
 */
export function logFile(
  host: Host,
  path: string,
  keepOpen: boolean,
  failed: (text: string) => void,
): LogFile {
  if (host.openAppend === undefined) {
    throw new UsageError(`Cannot log to ${path}: this host has no files to append to`);
  }
  let file: AppendFile | undefined;
  let telling = false;
  let told = false;
  let over = false;
  const tell = (doing: string, thrown: unknown): void => {
    if (told) return;
    told = true;
    telling = true;
    failed(`unable to ${doing} logfile '${path}': ${messageOf(thrown)}`);
    telling = false;
  };
  const close = (): void => {
    const open = file;
    file = undefined;
    open?.close();
  };
  const open = (): AppendFile | undefined => {
    try {
      return file ??= host.openAppend!(path);
    } catch (thrown) {
      tell("open", thrown);
      return undefined;
    }
  };
  if (keepOpen) open();
  return {
    write(text: string): void {
      // The message that this very file does not work.
      if (telling || over) return;
      const to = open();
      if (to === undefined) return;
      try {
        to.write(text);
        told = false;
      } catch (thrown) {
        close();
        tell("write to", thrown);
      }
      if (!keepOpen) close();
    },
    close(): void {
      over = true;
      close();
    },
  };
}
