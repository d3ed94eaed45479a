/**
 * The DNS headline: names one after another against many at a time, from a server on loopback that takes
 * a fixed time for each answer. `dns.ts serve` is that server, `dns.ts sweep ADDRESS PORT COUNT
 * OUTSTANDING SWEEPS` our client; Perl's is `peers/dns.pl`, which takes the same arguments.
 */
import { nativeEnv } from "@anyevent/backends/native";
import { Dns, Loop, PeerError, Resolver } from "@anyevent/loop";
import { DnsServer, reply } from "../support/dns_server.ts";
import { median } from "./bench.ts";
import { figuresOf, type PeerResult, run } from "./peers.ts";

/** Seconds for each answer. */
const LATENCY = 0.01;

/** At one time. */
export const OUTSTANDING = 100;

/** Runs a server in a process of its own, so that its work is not counted as the client's. */
async function withServer<T>(use: (where: readonly string[]) => Promise<T>): Promise<T> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net=127.0.0.1", import.meta.url, "serve"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  try {
    const { value, done } = await reader.read();
    if (done) throw new PeerError("no server");
    return await use(new TextDecoder().decode(value).trim().split(":"));
  } finally {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  }
}

/** The server: says where it is, and ends with standard input. */
async function serve(): Promise<void> {
  using server = await DnsServer.start(
    nativeEnv(),
    (query) => reply(query, { an: [[query.qd[0][0], "a", "in", 60, "127.0.0.1"]] }),
    { latency: LATENCY },
  );
  console.log(server.address);
  for await (const _ of Deno.stdin.readable);
}

/** Our client: prints lines of name, tab, value. */
async function sweep(
  address: string,
  port: string,
  count: number,
  outstanding: number,
  sweeps: number,
): Promise<void> {
  const loop = new Loop(nativeEnv());
  const server = [`${address}:${port}`];
  const dns = new Dns(new Resolver({ loop, server, maxOutstanding: outstanding }));
  const names = Array.from({ length: count }, (_, i) => `host-${i}.made-up.example.`);
  const lookUp = async (name: string): Promise<void> => {
    if ((await dns.a(name)).length !== 1) throw new Error(`${name} not found`);
  };
  let began = performance.now();
  for (const name of names) await lookUp(name);
  const slow = performance.now() - began;
  const fast: number[] = [];
  for (let i = 0; i < sweeps; i++) {
    began = performance.now();
    await Promise.all(names.map(lookUp));
    fast.push(performance.now() - began);
  }
  console.log(`one after another\t${slow / count * 1000}`);
  console.log(`${outstanding} at a time\t${median(fast) / count * 1000}`);
  console.log(`speed-up\t${slow / median(fast)}`);
}

/** Measures ours and Perl's on one server. @param count names @param peers Perl's too */
export async function measureDns(count: number, peers: boolean): Promise<PeerResult[]> {
  return await withServer(async (where) => {
    const args = [...where, ...[count, OUTSTANDING, 5].map(String)];
    const permissions = ["--allow-net=127.0.0.1", "--allow-env", "--allow-read"];
    const ours = await run("deno", [
      "run",
      "--quiet",
      ...permissions,
      import.meta.url,
      "sweep",
      ...args,
    ]);
    const results = [figuresOf("ours", ours, "deno")];
    if (!peers) return results;
    const script = new URL("./peers/dns.pl", import.meta.url).pathname;
    const perl = await run("perl", [script, ...args]);
    results.push(figuresOf("EV", perl, "libanyevent-perl libev-perl"));
    return results;
  });
}

if (import.meta.main) {
  const [what, address, port, ...numbers] = Deno.args;
  if (what === "serve") await serve();
  else {
    const [count, outstanding, sweeps] = numbers.map(Number);
    await sweep(address, port, count, outstanding, sweeps);
    Deno.exit(0);
  }
}
