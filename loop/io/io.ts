import { defaultLoop } from "../registry.ts";
import { FileIO } from "./file_io.ts";

/**
 * AnyEvent::IO on the default loop: files, with callbacks or as operations. See {@linkcode FileIO} for the
 * rules; {@linkcode ioOf} gives it on a loop of your own.
 *
 * @example With a callback, and without one
 * ```ts
 * import { AE, IO } from "@anyevent/loop";
 *
 * const cv = AE.cv<[string]>();
 * IO.load("deno.json", (bytes, error) => {
 *   if (bytes === undefined) cv.croak(error);
 *   else cv.send(new TextDecoder().decode(bytes));
 * });
 * console.log((await cv.recv()).length > 0); // true
 * console.log((await IO.stat("deno.json")).kind); // file
 * ```
 */
export const IO: FileIO = new FileIO(defaultLoop);
