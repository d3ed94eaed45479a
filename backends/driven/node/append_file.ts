import type { AppendFile } from "../../contract/env.ts";
import { nodeError, nodeModule } from "./node_modules.ts";

function attempt<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw nodeError(`append to ${path}`, thrown);
  }
}

/** A file to append to by `node:fs`, inside each call. @throws {PeerError} with the system's code */
export function openAppend(path: string): AppendFile {
  const fs = nodeModule("node:fs");
  const file = attempt(path, () => fs.openSync(path, "a"));
  let open = true;
  return {
    // For a descriptor it goes on until all is written, where the file ends.
    write: (text) => attempt(path, () => fs.writeFileSync(file, text)),
    close(): void {
      if (open) fs.closeSync(file);
      open = false;
    },
  };
}
