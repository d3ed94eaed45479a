// Streams that are closed under live watchers: in memory, of TCP, and of TLS. The process must end.
import { AE, defaultLoop, streamPair } from "@anyevent/loop";
import type { ByteStream, Secured, TlsRole } from "@anyevent/backends/contract";

const { backend, net } = defaultLoop().env;

function watchAndClose([a, b]: readonly [ByteStream, ByteStream]): void {
  const watchers = [AE.io(a, false, () => {}), AE.io(a, true, () => {})];
  a.close();
  console.log(...watchers.map((it) => it.active), defaultLoop().stats().held);
  b.close();
}

function tcp(): Promise<[ByteStream, ByteStream]> {
  const hold = defaultLoop().hold();
  return new Promise((resolve) => {
    const ends: ByteStream[] = [];
    const add = (stream: ByteStream): void => {
      if (ends.push(stream) < 2) return;
      listener.close();
      hold();
      resolve([ends[0], ends[1]]);
    };
    const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, add);
    net.connect(listener.address, (_error, stream) => add(stream!));
  });
}

async function tls(): Promise<[ByteStream, ByteStream]> {
  const pair = await tcp();
  const hold = defaultLoop().hold();
  const end = (stream: ByteStream, role: TlsRole): Promise<ByteStream> =>
    new Promise((resolve, reject) => {
      net.secure(stream, role, {}, (error, secured?: Secured) => {
        if (secured === undefined) reject(error);
        else resolve(secured.stream);
      });
    });
  const ends = await Promise.all([end(pair[0], "server"), end(pair[1], "client")]);
  hold();
  return ends;
}

watchAndClose(streamPair(backend));
watchAndClose(await tcp());
watchAndClose(await tls());
