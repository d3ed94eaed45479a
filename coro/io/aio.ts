import { FileIO } from "@anyevent/loop";
import { currentLoop } from "./anyevent.ts";

/**
 * Files for threads: each call without a callback is an operation that blocks only its thread, on the loop of
 * the running thread. See `FileIO` of `@anyevent/loop` for all of them.
 *
 * A cancelled thread leaves its request: what waits for its turn is not done at all. To have several requests
 * under way at once, run each in a thread and `join` those, which is what `aio_wait` is for. Requests have no
 * priority. Follows `Coro::AIO`.
 *
 * @example
 * ```ts
 * import { aio, async } from "@anyevent/coro";
 *
 * const sizes = ["deno.json", "README.md"].map((path) =>
 *   async(function* () {
 *     return (yield* aio.stat(path)).size;
 *   })
 * );
 * for (const thread of sizes) console.log(await thread.join());
 * ```
 */
export const aio: FileIO = new FileIO(currentLoop);
