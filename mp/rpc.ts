import type { Seconds } from "@anyevent/loop";
import { checkId } from "./id.ts";
import type { Node } from "./node.ts";
import { checkPlainCallback } from "./port.ts";
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
  checkPlainCallback(callback, `call ${port}`);
  let done = false;
  const ends: Registration[] = [];
  const settle = (): boolean => {
    if (done) return false;
    done = true;
    for (const end of ends) end.cancel();
    node.kil(replyPort);
    return true;
  };
  const finish = (reply: readonly unknown[]): unknown =>
    settle() ? (callback as CallCallback)(...reply) : undefined;
  const replyPort = node.port((...reply: unknown[]) => finish(reply));
  try {
    ends.push(node.mon(replyPort, () => finish([])));
    if (timeout !== undefined) ends.push(node.after(timeout, () => finish([])));
    else ends.push(node.mon(port, () => finish([])));
    node.snd(port, ...message, replyPort);
  } catch (error) {
    settle();
    throw error;
  }
  return replyPort;
}
