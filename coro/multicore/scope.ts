import { Specific } from "../specific.ts";

/** What a thread has said, the latest last. */
const scopes = new Specific<Scope[]>();

/** What the running thread has said last, if anything. */
export function scopedSetting(): boolean | undefined {
  return scopes.value?.at(-1)?.on;
}

/** Until disposed of, or the thread ends. */
class Scope implements Disposable {
  readonly #all: Scope[];

  constructor(readonly on: boolean) {
    this.#all = scopes.value ??= [];
    this.#all.push(this);
  }

  [Symbol.dispose](): void {
    const at = this.#all.indexOf(this);
    if (at >= 0) this.#all.splice(at, 1);
  }
}

/** Says so for the running thread. */
export function scope(on: boolean): Disposable {
  return new Scope(on);
}
