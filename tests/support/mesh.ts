/**
 * Many nodes in one process, in virtual time, over a network in memory.
 */
import { type MemoryNet, memoryNet } from "@anyevent/backends/memory";
import { Loop } from "@anyevent/loop";
import { Node, type NodeConfig, type NodeOptions } from "@anyevent/mp";
import { type ManualEnv, manualEnv, type ManualOptions } from "./manual_env.ts";

/** A virtual world of nodes. */
export class Mesh implements AsyncDisposable {
  readonly env: ManualEnv;
  readonly net: MemoryNet;
  readonly loop: Loop;
  readonly nodes: Node[] = [];
  /** What the nodes logged, as `node level message`. */
  readonly logged: string[] = [];

  constructor(options: ManualOptions = {}) {
    const base = manualEnv(options);
    this.net = memoryNet(base.backend, { random: base.random });
    this.env = Object.assign(base, { net: this.net });
    this.loop = new Loop(this.env);
  }

  /** A node that is not configured yet. */
  make(name: string, options: Partial<NodeOptions> = {}): Node {
    const node: Node = new Node({
      loop: this.loop,
      configFile: {},
      log: (level, message) => void this.logged.push(`${name} ${level} ${message}`),
      ...options,
    });
    this.nodes.push(node);
    return node;
  }

  /** A configured node. */
  async node(
    nodeid: string,
    config: NodeConfig = {},
    options: Partial<NodeOptions> = {},
  ): Promise<Node> {
    const node = this.make(nodeid, options);
    const configured = node.configure({ nodeid, binds: [], secret: "geheim", ...config });
    await this.run(configured);
    return node;
  }

  /** Lets the world settle until a promise has its outcome. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const mark = (): void => void (done = true);
    promise.then(mark, mark);
    for (let i = 0; !done && i < 1000; i++) await this.env.backend.settle();
    return await promise;
  }

  /** Moves the clock until a condition holds. */
  async until(condition: () => boolean, limit = 60): Promise<void> {
    await this.env.backend.settle();
    for (let t = 0; t < limit; t += 0.05) {
      if (condition()) return;
      await this.env.backend.advance(0.05);
      await this.env.backend.settle();
    }
    throw new Error(`condition not met within ${limit} virtual seconds: ${condition}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stops = Promise.all(this.nodes.map((node) => node.stop()));
    let done = false;
    const mark = (): void => void (done = true);
    stops.then(mark, mark);
    for (let i = 0; !done && i < 200; i++) {
      await this.env.backend.settle();
      await this.env.backend.advance(0.1);
    }
    await stops;
    this.loop.dispose();
  }
}
