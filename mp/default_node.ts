import { defaultLoop } from "@anyevent/loop";
import { currentContext } from "./context.ts";
import { Node } from "./node.ts";

let instance: Node | undefined;

/**
 * The node of this process that the free functions act on outside of any port; made on first use.
 *
 * A stopped one is replaced by the next use, so a program (or a test) can start over.
 *
 * @returns for what is a method of {@linkcode Node} only
 * @example
 * ```ts
 * import { configure, defaultNode, stop } from "@anyevent/mp";
 *
 * await configure({ nodeid: "n1", binds: ["127.0.0.1:*"] });
 * console.log(defaultNode().listeners.length); // 1
 * await stop();
 * console.log(defaultNode().running); // false
 * ```
 */
export function defaultNode(): Node {
  if (instance === undefined || instance.stopped) instance = new Node({ loop: defaultLoop() });
  return instance;
}

/**
 * The node whose code is running, else the default node: the one that the free functions act on.
 *
 * Where a process has one node, as usual, it is always that.
 *
 * @returns the node
 * @example
 * ```ts
 * import { defaultLoop } from "@anyevent/loop";
 * import { currentNode, defaultNode, Node } from "@anyevent/mp";
 *
 * await using other = new Node({ loop: defaultLoop() });
 * console.log(currentNode() === defaultNode()); // true
 * other.peval(other.port(), () => console.log(currentNode() === other)); // true
 * ```
 */
export function currentNode(): Node {
  return currentContext()?.node ?? defaultNode();
}
