/**
 * Collects the tests of files that are written for `Deno.test`, for a run by plain `node`. To be imported
 * before them; this host's own choice of a backend is made before there is anything called `Deno`.
 */
import "@anyevent/loop";

interface Collected {
  readonly file: string;
  readonly name: string;
  readonly run: () => unknown;
}

/** All tests that were registered, in order. */
export const collected: Collected[] = [];

const target = globalThis as { Deno?: unknown };
if (target.Deno === undefined) {
  target.Deno = {
    // The name of the file was put before what it had written.
    test: (file: string, name: string, run: () => unknown) =>
      void collected.push({ file, name, run }),
  };
}

/** To be called when all are registered: from here on there is nothing called `Deno` any more. */
export function endOfCollection(): void {
  delete target.Deno;
  // What tests themselves use, and Node 20 does not have.
  const promises = Promise as { withResolvers?: unknown };
  promises.withResolvers ??= () => {
    let resolve, reject;
    const promise = new Promise((yes, no) => {
      resolve = yes;
      reject = no;
    });
    return { promise, resolve, reject };
  };
}
