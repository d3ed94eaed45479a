import { show, UsageError } from "@anyevent/backends/contract";
import type { Seconds } from "@anyevent/loop";
import { checkId } from "./id.ts";
import type { Node } from "./node.ts";
import { timeoutSeconds } from "./timeout.ts";
import type { PortId, Registration } from "./types.ts";

/** Gets the reply, or nothing when there will be none. */
export type CallCallback = (...reply: unknown[]) => unknown;

/**
 * `cal`: a request with a temporary reply port.
 *
 * The callback is called once, whichever comes first: reply, timeout, death of the target, or death of
 * the reply port itself.
 */
export function call(node: Node, port: PortId, rest: readonly unknown[]): PortId {
  checkId(port, "port");
  const message = [...rest];
  let timeout: number | undefined;
  if (typeof message.at(-1) !== "function") {
    timeout = timeoutSeconds(message.pop() as Seconds | undefined, `call ${port}`);
  }
  const callback = message.pop();
  if (typeof callback !== "function") {
    throw new UsageError(`Cannot call ${port}: ${show(callback)} is not a callback`);
  }
  let done = false;
  const ends: Registration[] = [];
  const finish = (reply: readonly unknown[]): unknown => {
    if (done) return;
    done = true;
    for (const end of ends) end.cancel();
    node.kil(replyPort);
    return (callback as CallCallback)(...reply);
  };
  const replyPort = node.port((...reply: unknown[]) => finish(reply));
  if (timeout !== undefined) ends.push(node.after(timeout, () => finish([])));
  else ends.push(node.mon(port, () => finish([])));
  node.snd(port, ...message, replyPort);
  return replyPort;
}
