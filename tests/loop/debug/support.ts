/** A debug shell's client for tests. */
import { type Address, Handle, type Loop, socketsOf } from "@anyevent/loop";

/** Connects, and sends all lines at once. @returns all that came until the end of file */
export async function ask(loop: Loop, address: Address, ...lines: string[]): Promise<string> {
  const client = await connect(loop, address);
  client.pushWrite(lines.map((line) => `${line}\n`).join(""));
  client.pushShutdown();
  return await rest(client);
}

/** Connects. */
export async function connect(loop: Loop, address: Address): Promise<Handle> {
  const sockets = socketsOf(loop);
  const fh =
    await (address.transport === "unix"
      ? sockets.connectTcp("unix/", address.path)
      : sockets.connectTcp(address.host, address.port));
  return new Handle({ loop, fh });
}

/** All that comes until the end of file; ends the client. */
export async function rest(client: Handle): Promise<string> {
  let text = "";
  await new Promise<void>((done) => {
    const decoder = new TextDecoder();
    client.onEof(() => done());
    client.onError(() => done());
    client.onRead((h) => {
      text += decoder.decode(h.rbuf, { stream: true });
      h.rbuf = new Uint8Array(0);
    });
  });
  client.destroy();
  return text;
}
