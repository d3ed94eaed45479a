import { defaultLoop } from "@anyevent/loop";
import { currentContext } from "./context.ts";
import { Node } from "./node.ts";

let instance: Node | undefined;

/**
 * The node of this process that the free functions act on outside of any port; made on first use.
 *
 * A stopped one is replaced by the next use, so a program (or a test) can start over.
 */
export function defaultNode(): Node {
  if (instance === undefined || instance.stopped) instance = new Node({ loop: defaultLoop() });
  return instance;
}

/** The node whose code is running, else the default node. */
export function currentNode(): Node {
  return currentContext()?.node ?? defaultNode();
}
