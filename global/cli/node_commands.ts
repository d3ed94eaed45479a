/**
 * `snd` and `mon`.
 *
 * @module
 */
import { type Env, PeerError, TimeoutError } from "@anyevent/backends/contract";
import { nodeOf } from "@anyevent/mp";
import type { MeshOptions } from "./command_line.ts";
import { checkTarget, Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { decodeWord, joinParts } from "./words.ts";

/** Seconds until `snd` gives up. */
const SEND_TIMEOUT = 5;

/**
 * `aemp snd`: sends, then lets the node of the port send something back. As messages keep their order,
 * the node has the first one when the second arrives.
 *
 * @throws {TimeoutError} after 5 seconds
 * @throws {PeerError} when the node was lost
 */
export async function sendMessage(
  env: Env,
  terminal: Terminal,
  options: MeshOptions & { readonly port: string; readonly message: readonly string[] },
): Promise<void> {
  const { port } = options;
  checkTarget(port);
  const message = options.message.map(decodeWord);
  const session = await Session.open(env, options);
  const { node } = session;
  try {
    await new Promise<void>((resolve, reject) => {
      const echo = node.port(() => resolve());
      node.mon(nodeOf(port), (...reason) => {
        reject(new PeerError(`Cannot send to ${port}: ${joinParts(reason)}${session.trouble}`));
      });
      node.after(SEND_TIMEOUT, () => {
        reject(
          new TimeoutError(
            `Cannot send to ${port}: no answer within ${SEND_TIMEOUT} s${session.trouble}`,
          ),
        );
      });
      node.snd(port, ...message);
      node.sndOn(nodeOf(port), echo);
    });
  } finally {
    await session.close();
  }
  terminal.out("message sent successfully");
}

/**
 * `aemp mon`: waits until a port dies.
 *
 * @throws {PeerError} when its node was never reached
 */
export async function monitorPort(
  env: Env,
  terminal: Terminal,
  options: MeshOptions & { readonly port: string },
): Promise<void> {
  const { port } = options;
  checkTarget(port);
  const session = await Session.open(env, options);
  const { node } = session;
  let reached = false;
  let reason: readonly unknown[];
  try {
    node.monNodes((id, up) => {
      if (up && id === nodeOf(port)) reached = true;
    });
    reason = await new Promise((resolve) => {
      node.mon(port, (...reason) => resolve(reason));
    });
  } finally {
    await session.close();
  }
  if (!reached) {
    throw new PeerError(`Cannot monitor ${port}: ${joinParts(reason)}${session.trouble}`);
  }
  terminal.out(joinParts(reason));
}
