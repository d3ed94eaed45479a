/** What a test lets peers load by name. */
import { currentNode, type PortId, rcv, SELF, snd } from "@anyevent/mp";

export function greet(reply: PortId, name: string): void {
  snd(reply, `hello ${name}`);
  rcv(SELF()!, () => currentNode().log(9, "greeted"));
}
