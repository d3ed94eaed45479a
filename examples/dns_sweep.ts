/**
 * Looks up 861 names, one after another and then at the same time, from a name server of its own that takes
 * a while for each answer, and prints how much faster the second way is.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/dns_sweep.ts
 * Permissions:  net, for the name server and its clients.
 * Prints:       one after another: 861 of 861 found in 10.39 s
 *               at the same time:  861 of 861 found in 0.32 s
 *               32.3 times as fast
 */
import {
  AE,
  type DatagramSocket,
  defaultLoop,
  Dns,
  dnsPack,
  dnsUnpack,
  Resolver,
  UsageError,
} from "@anyevent/loop";
import { type About, readOptions, refuse } from "./support/options.ts";

const ABOUT: About = {
  name: "dns_sweep.ts",
  does: "Looks up many names one after another and at the same time.",
  permissions: "--allow-net=127.0.0.1",
  options: {
    names: { value: "COUNT", help: "how many names (861)" },
    latency: { value: "SECONDS", help: "what the server takes for an answer (0.01)" },
    outstanding: { value: "COUNT", help: "look-ups at a time in the second round (100)" },
  },
};

const { values } = readOptions(ABOUT);

function number(name: string, fallback: number): number {
  const value = values[name] === undefined ? fallback : Number(values[name]);
  if (!(value > 0)) refuse(ABOUT, new UsageError(`--${name} "${values[name]}" is not a number`));
  return value;
}

/** Binds a UDP socket on loopback. */
function bind(): Promise<DatagramSocket> {
  return new Promise((resolve, reject) => {
    defaultLoop().env.net.udp!(
      { transport: "tcp", host: "127.0.0.1", port: 0 },
      (error, socket) => socket === undefined ? reject(error) : resolve(socket),
    );
  });
}

/** A name server that knows an address for every name. @returns where it is, and its end */
async function serve(latency: number): Promise<{ address: string; close(): void }> {
  const socket = await bind();
  const watcher = AE.io(socket, false, () => {
    const datagram = socket.tryReceive();
    if (datagram === undefined) return;
    const { id, rd, qd } = dnsUnpack(datagram.bytes);
    const an = [[qd[0][0], "a", "in", 60, "127.0.0.1"]] as const;
    const reply = dnsPack({ id, rd, qd, an, qr: true, ra: true });
    AE.timer(latency, 0, () => socket.trySend(reply, datagram.from));
  });
  const { port } = socket.local as { readonly port: number };
  return {
    address: `127.0.0.1:${port}`,
    close: () => {
      watcher.cancel();
      socket.close();
    },
  };
}

async function timed(what: string, count: number, sweep: () => Promise<number>): Promise<number> {
  const began = AE.time();
  const found = await sweep();
  const took = AE.time() - began;
  console.log(`${what} ${found} of ${count} found in ${took.toFixed(2)} s`);
  return took;
}

const names = Array.from({ length: number("names", 861) }, (_, i) => `host-${i}.made-up.example.`);
const maxOutstanding = number("outstanding", 100);
const server = await serve(number("latency", 0.01));
const dns = new Dns(new Resolver({ server: [server.address], maxOutstanding }));

const slow = await timed("one after another:", names.length, async () => {
  let found = 0;
  for (const name of names) found += (await dns.a(name)).length;
  return found;
});

const fast = await timed("at the same time: ", names.length, async () => {
  let found = 0;
  const done = AE.cv();
  done.begin();
  for (const name of names) {
    done.begin();
    dns.a(name, (addresses) => {
      found += addresses.length;
      done.end();
    });
  }
  done.end();
  await done.recv();
  return found;
});

console.log(`${(slow / fast).toFixed(1)} times as fast`);
server.close();
