/**
 * Files on any loop: AnyEvent::IO.
 *
 * @module
 */
export type { FileHandle } from "./file_handle.ts";
export { FileIO, type FileStats, ioOf } from "./file_io.ts";
export { IO } from "./io.ts";
export type { CallOutcome, ResultCallback } from "./outcome.ts";
