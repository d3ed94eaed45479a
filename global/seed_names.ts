import { type Address, messageOf, UsageError } from "@anyevent/backends/contract";
import { isLoopback, type Node, resolveAddresses } from "@anyevent/mp";

/** Seconds after which what a name stands for is looked up again. */
export const RESOLVE_INTERVAL = 60;

/** What one configured text stands for, as far as is known. */
export class SeedName {
  /** Its addresses now. */
  addresses: readonly Address[] = [];
  readonly #node: Node;
  readonly #text: string;
  /** Whether it may stand for something else later. */
  #changes = false;
  #resolving = false;
  #resolvedAt = -Infinity;
  #told: string | undefined;

  /**
   * Not resolved yet.
   *
   * @param node whose seed it is
   * @param text as configured: one address
   */
  constructor(node: Node, text: string) {
    this.#node = node;
    this.#text = text;
  }

  /** Whether it is time to look it up (again). */
  get due(): boolean {
    if (this.#resolving) return false;
    if (this.addresses.length === 0) return true;
    return this.#changes && this.#node.loop.now() - this.#resolvedAt >= RESOLVE_INTERVAL;
  }

  /**
   * Looks it up; without success it keeps the addresses it has, and the log says why.
   *
   * @throws {UsageError} when it can never be the address of a seed
   */
  async resolve(): Promise<void> {
    const { env } = this.#node.loop;
    this.#resolving = true;
    try {
      const found = await resolveAddresses([this.#text], {
        hostname: () => env.host.hostname(),
        interfaceAddresses: () => {
          this.#changes = true;
          return env.host.interfaceAddresses();
        },
        resolve: (name) => {
          this.#changes = true;
          return env.host.resolve(name);
        },
      }, "connect to");
      this.#check(found);
      if (found.length === 0) this.#failed("it has no address");
      else {
        this.addresses = found;
        this.#resolvedAt = this.#node.loop.now();
        this.#told = undefined;
      }
    } catch (error) {
      if (error instanceof UsageError) throw error;
      this.#failed(messageOf(error));
    } finally {
      this.#resolving = false;
    }
  }

  /** `resolve` for a node that runs: nothing is thrown any more, the log has it all. */
  async refresh(): Promise<void> {
    try {
      await this.resolve();
    } catch (error) {
      this.#failed(messageOf(error));
    }
  }

  #check(addresses: readonly Address[]): void {
    const { secret, cert } = this.#node.settings;
    if (secret !== undefined || cert !== undefined || addresses.every(isLoopback)) return;
    throw new UsageError(
      `Cannot use seed ${this.#text}: beyond loopback a secret or certificate is needed (see \`aemp gensecret\`)`,
    );
  }

  #failed(why: string): void {
    if (this.#node.stopped) return;
    const level = this.#told === why ? 8 : 2;
    this.#told = why;
    this.#node.log(level, `cannot resolve seed ${this.#text}, trying again: ${why}`);
  }
}
