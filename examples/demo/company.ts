import { AE, sleep, TimeoutError } from "@anyevent/loop";
import type { Event } from "../support/program.ts";
import { Child } from "./child.ts";

/** Seconds that anything may take. */
const PATIENCE = 8;
/** Seconds children have to end by themselves. */
const FAREWELL = 3;

/** All children, and what they tell. */
export class Company {
  /** Those that run. */
  readonly children: Map<string, Child> = new Map();
  readonly #secret: string;
  readonly #listener: (child: Child, event: Event) => void;
  readonly #all: Child[] = [];
  readonly #checks = new Set<() => void>();
  #failure: Error | undefined;

  /**
   * @param secret all nodes share
   * @param listener called for each event of a child
   */
  constructor(secret: string, listener: (child: Child, event: Event) => void) {
    this.#secret = secret;
    this.#listener = listener;
  }

  /** Starts an example as a child and as the node `name`. */
  start(name: string, script: string, ...args: string[]): Child {
    const child = new Child({
      name,
      script,
      args: ["--json", "--node", name, "--bind", "127.0.0.1:0", ...args],
      secret: this.#secret,
      event: (child, event) => {
        this.#listener(child, event);
        this.#changed();
      },
      ended: (child) => {
        if (this.children.get(name) === child) this.children.delete(name);
        if (!child.dismissed) {
          this.fail(new Error(`Cannot go on: ${name} ended with code ${child.status?.code}`));
        }
        this.#changed();
      },
    });
    this.children.set(name, child);
    this.#all.push(child);
    return child;
  }

  /** The child of that name. */
  child(name: string): Child {
    const child = this.children.get(name);
    if (child === undefined) throw new Error(`Cannot go on: ${name} does not run`);
    return child;
  }

  /** Ends every wait with an error. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#changed();
  }

  #changed(): void {
    for (const check of [...this.#checks]) check();
  }

  /**
   * Waits until something is true; looks after each event.
   *
   * @param what completes "waited for …"
   */
  async until(what: string, done: () => boolean): Promise<void> {
    const reached = AE.cv();
    const check = (): void => {
      if (this.#failure !== undefined) reached.croak(this.#failure);
      else if (done()) reached.send();
    };
    this.#checks.add(check);
    using _limit = AE.timer(
      PATIENCE,
      0,
      () => reached.croak(new TimeoutError(`Cannot go on: waited ${PATIENCE} s for ${what}`)),
    );
    check();
    try {
      await reached.recv();
    } finally {
      this.#checks.delete(check);
    }
  }

  /**
   * Ends all children: their standard input is closed, and who does not go is killed.
   *
   * @returns the names of those that had to be killed or complained by their exit code
   */
  async dismiss(): Promise<readonly string[]> {
    const running = [...this.children.values()];
    for (const child of running) child.dismiss();
    const stubborn: string[] = [];
    using _limit = AE.timer(FAREWELL, 0, () => {
      for (const child of this.children.values()) {
        stubborn.push(child.name);
        child.kill();
      }
    });
    const all = Promise.all(running.map((child) => child.gone.recv()));
    await Promise.race([all, sleep(2 * FAREWELL)]);
    const bad = running.filter((child) => child.status?.code !== 0).map((child) => child.name);
    return [...new Set([...stubborn, ...bad])];
  }

  /** What the children printed on standard error. */
  complaints(): string {
    return this.#all.filter((child) => child.complaints.length > 0)
      .map((child) => `${child.name}:\n${child.complaints.map((line) => `  ${line}\n`).join("")}`)
      .join("");
  }
}
