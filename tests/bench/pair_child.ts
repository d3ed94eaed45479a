/** The other process of the two-process benchmarks: a node that echoes and counts, and a plain TCP echo. */
import { Node, type PortId } from "@anyevent/mp";
import "@anyevent/global";
import { defaultLoop } from "@anyevent/loop";

const config = JSON.parse(Deno.args[0]);
const node = new Node({ loop: defaultLoop(), configFile: {} });
await node.configure({ nodeid: "bench-server", binds: ["127.0.0.1:0"], ...config });
node.rcv("bench-server#echo", "echo", (reply: PortId, value: unknown) => node.snd(reply, value));
let count = 0;
node.rcv("bench-server#sink", {
  m: () => void count++,
  count: (reply: PortId) => {
    node.snd(reply, count);
    count = 0;
  },
});
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ node: node.listeners[0], tcp: (listener.addr as Deno.NetAddr).port }));
(async () => {
  for await (const conn of listener) {
    conn.setNoDelay(true);
    const buffer = new Uint8Array(65536);
    for (;;) {
      const n = await conn.read(buffer);
      if (n === null) break;
      await conn.write(buffer.subarray(0, n));
    }
    conn.close();
  }
})();
// The parent's end closes our standard input.
for await (const _ of Deno.stdin.readable);
Deno.exit(0);
