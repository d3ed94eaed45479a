/**
 * A Unix socket's life: `deno run … unix_server.ts native|pure PATH`; prints what it sees. With `leave` in
 * place of the backend: ends without closing, which leaves the name behind.
 */
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { type ByteStream, type ConnectOutcome, Loop, socketsOf } from "@anyevent/loop";

const [kind, path] = Deno.args;
const loop = new Loop(kind === "pure" ? pureEnv({ host: nodeHost() }) : nativeEnv());
const sockets = socketsOf(loop);

function exists(): boolean {
  try {
    return Deno.lstatSync(path).isSocket === true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function connect(): Promise<ConnectOutcome> {
  const outcome = loop.condvar<ConnectOutcome>();
  sockets.tcpConnect("unix/", path, outcome);
  return await outcome.recvAll();
}

async function end(stream: ByteStream): Promise<void> {
  const readable = loop.condvar();
  using _w = loop.io({ fh: stream, poll: "r", cb: readable });
  await readable.recv();
  console.log("end of file", stream.tryRead(new Uint8Array(1)) === null);
  stream.close();
}

if (kind === "leave") {
  Deno.listen({ transport: "unix", path });
  Deno.exit(0);
}
console.log("stale", exists());
const accepted = loop.condvar<[ByteStream, string, number | string]>();
const server = sockets.tcpServer("unix/", path, accepted);
console.log("bound", server.host, server.port === path, exists());
const [fh, host, port] = await connect();
console.log("connected", host, port === path);
const [stream, peer] = await accepted.recvAll();
console.log("accepted", peer);
stream.close();
await end(fh!);
server.cancel();
console.log("left", exists());
console.log((await connect())[4]?.code);
Deno.writeTextFileSync(path, "precious");
try {
  sockets.tcpServer("unix/", path, () => undefined);
} catch (error) {
  console.log((error as Error).name, Deno.readTextFileSync(path));
}
console.log("held", loop.stats().held);
