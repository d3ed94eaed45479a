/**
 * A server that runs out of descriptors: says how often it was told so in the meantime, and serves again when
 * there are some. ANYEVENT_BACKEND chooses the backend.
 */
import { AE, defaultLoop } from "@anyevent/loop";
import type { ByteStream, PeerError } from "@anyevent/backends/contract";

const { env } = defaultLoop();
const { net } = env;

function limitDescriptors(most: number): void {
  const library = Deno.dlopen("libc.so.6", {
    setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const both = new Uint8Array(new BigUint64Array([BigInt(most), BigInt(most)]).buffer);
  if (library.symbols.setrlimit(7, both) !== 0) throw new Error("no setrlimit");
  library.close();
}

/** Opens files until there are no descriptors left, but for `spare`. */
function exhaust(spare: number): Deno.FsFile[] {
  const files: Deno.FsFile[] = [];
  try {
    for (;;) files.push(Deno.openSync(new URL(import.meta.url)));
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== "EMFILE") throw thrown;
  }
  for (const file of files.splice(0, spare)) file.close();
  return files;
}

const failures: string[] = [];
const served = AE.cv<[ByteStream]>();
const listener = net.listen(
  { transport: "tcp", host: "127.0.0.1", port: 0 },
  (stream) => served.send(stream),
  (error: PeerError) => void failures.push(error.code),
);
const hold = defaultLoop().hold();
// What the host opens once and keeps is opened before.
async function connect(): Promise<ByteStream> {
  const connected = AE.cv<[PeerError | undefined, ByteStream | undefined]>();
  net.connect(listener.address, connected);
  const [error, stream] = await connected.recvAll();
  if (stream === undefined) throw error;
  return stream;
}

async function main(): Promise<void> {
  const accepting = net.listen(
    { transport: "tcp", host: "127.0.0.1", port: 0 },
    (it) => it.close(),
  );
  const connected = AE.cv<[PeerError | undefined, ByteStream | undefined]>();
  net.connect(accepting.address, connected);
  (await connected.recvAll())[1]!.close();
  accepting.close();
  // The host gives up when it has no descriptor for this.
  const signal = AE.signal("USR2", () => {});
  limitDescriptors(200);
  const files = exhaust(1);
  const client = await connect();
  files.push(...exhaust(0));
  client.tryWrite(new Uint8Array(5));
  const waited = AE.cv();
  AE.timer(0.35, 0, waited);
  await waited.recv();
  const told = failures.length;
  for (const file of files) file.close();
  const stream = await served.recv();
  const readable = AE.cv();
  const watcher = AE.io(stream, false, readable);
  await readable.recv();
  watcher.cancel();
  console.log("served afterwards", stream.tryRead(new Uint8Array(10)));
  console.log("told", told > 0 && told < 10, [...new Set(failures)].join());
  stream.close();
  client.close();
  listener.close();
  // And the next one is served as ever.
  console.log("left", JSON.stringify(net.stats()));
  signal.cancel();
  hold();
}

await main();
