/**
 * The DNS headline: 861 names one after another against many at a time, from a server on loopback that
 * takes a fixed time for each answer. Run by itself it prints a table, Perl's AnyEvent::DNS beside ours.
 */
import { nativeEnv } from "@anyevent/backends/native";
import { Dns, Loop, PeerError, Resolver } from "@anyevent/loop";
import { DnsServer, reply } from "../support/dns_server.ts";
import type { BenchCase } from "./bench.ts";

const COUNT = 861;
const OUTSTANDING = 100;

/** Seconds for each answer. */
const LATENCY = 0.005;

const PORT = 53;

const AFTER = "DNS, one name after another";
const AT_A_TIME = `DNS, ${OUTSTANDING} names at a time`;
const SPEED_UP = "DNS, speed-up of that";

const names = Array.from({ length: COUNT }, (_, i) => `host-${i}.made-up.example.`);

/** Runs a server in a process of its own, so that its work is not counted as the client's. */
async function withServer<T>(use: (address: string) => Promise<T>, port = 0): Promise<T> {
  const child = new Deno.Command("deno", {
    args: ["run", "--quiet", "--allow-net=127.0.0.1", import.meta.url, "serve", String(port)],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  try {
    const { value, done } = await reader.read();
    const address = new TextDecoder().decode(value).trim();
    if (done || !address.startsWith("127.")) throw new PeerError(address || "no server");
    return await use(address);
  } finally {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  }
}

/** The server: says where it is, and ends with standard input. */
async function serve(port: number): Promise<void> {
  const env = nativeEnv();
  try {
    using server = await DnsServer.start(
      env,
      (query) => reply(query, { an: [[query.qd[0][0], "a", "in", 60, "127.0.0.1"]] }),
      { latency: LATENCY, port },
    );
    console.log(server.address);
    for await (const _ of Deno.stdin.readable);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    console.log(error.message);
  }
}

/** Seconds for all names. */
function sweep(atOnce: boolean): Promise<number> {
  return withServer(async (address) => {
    const loop = new Loop(nativeEnv());
    const used = { loop, server: [address], maxOutstanding: OUTSTANDING };
    const dns = new Dns(new Resolver(used));
    const began = performance.now();
    if (atOnce) await Promise.all(names.map(async (name) => found(await dns.a(name))));
    else for (const name of names) found(await dns.a(name));
    return (performance.now() - began) / 1000;
  });
}

function found(addresses: readonly string[]): void {
  if (addresses.length !== 1) throw new Error("a name was not found");
}

/** All of them. */
export const cases: readonly BenchCase[] = [
  { name: AFTER, unit: "us", run: async () => await sweep(false) * 1e6 / COUNT },
  { name: AT_A_TIME, unit: "us", run: async () => await sweep(true) * 1e6 / COUNT },
  { name: SPEED_UP, unit: "times", run: async () => await sweep(false) / await sweep(true) },
];

/**
 * The same by Perl's AnyEvent::DNS. It knows port 53 only, so that this process must be allowed to bind it.
 *
 * @returns lines of name, tab, value; `error: …` when it could not be measured; `undefined` without Perl
 */
export async function perlDns(): Promise<string | undefined> {
  const script = new URL("./peers/dns.pl", import.meta.url).pathname;
  try {
    return await withServer(async () => {
      const { success, stdout, stderr } = await new Deno.Command("perl", {
        args: [script, "127.0.0.1", String(COUNT), String(OUTSTANDING)],
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      return success ? decoder.decode(stdout) : `error: ${decoder.decode(stderr).split("\n")[0]}`;
    }, PORT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof PeerError) return `error: ${error.message}`;
    throw error;
  }
}

if (import.meta.main && Deno.args[0] === "serve") await serve(Number(Deno.args[1]));
else if (import.meta.main) {
  for (const one of cases) {
    console.log(`${one.name.padEnd(32)} ${(await one.run()).toFixed(1).padStart(10)} ${one.unit}`);
  }
  console.log(`Perl:\n${await perlDns() ?? "not installed"}`);
}
