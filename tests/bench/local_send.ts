/** What a message to a port of the same node costs, its handler run. */
import { Loop } from "@anyevent/loop";
import { Node } from "@anyevent/mp";
import { manualEnv } from "../support/manual_env.ts";
import type { BenchCase } from "./bench.ts";

function local(count: number, send: (node: Node, port: string) => void, tags: boolean): number {
  const env = manualEnv();
  const node = new Node({ loop: new Loop(env), configFile: {} });
  let got = 0;
  const port = tags
    ? node.rcv(node.port(), "bench", (_n: number) => void got++)
    : node.port((_tag: string, _n: number) => void got++);
  const from = performance.now();
  while (got < count) {
    for (let i = 0; i < 1000; i++) send(node, port);
    while (env.backend.turn());
  }
  return (performance.now() - from) * 1e6 / got;
}

/** All of them. */
export const cases: readonly BenchCase[] = [
  {
    name: "message to a local port",
    unit: "ns",
    run: () => local(2e6, (node, port) => node.snd(port, "bench", 1), false),
  },
  {
    name: "message to a local port, by tag",
    unit: "ns",
    run: () => local(2e6, (node, port) => node.snd(port, "bench", 1), true),
  },
];
