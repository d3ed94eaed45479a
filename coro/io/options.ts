import type { Loop, Seconds } from "@anyevent/loop";
import type { WaitOptions } from "../limited.ts";

/** Options of {@linkcode CoroHandle} and {@linkcode unblock}. */
export interface CoroHandleOptions {
  /** Seconds without progress after which a call gives up; see {@linkcode CoroHandle.timeout}. */
  readonly timeout?: Seconds;
  /**
   * Bytes that a line may have, its separator included; more is an error (`ENOSPC`). Default 16 MiB; 64 KiB where
   * a pattern ends lines, as that is tried on the whole line each time some of it arrives.
   */
  readonly lineMax?: number;
  /**
   * Bytes that may wait to be written, for who writes without waiting; more is an error (`ENOSPC`). A single
   * write may be longer. Default 16 MiB.
   */
  readonly wbufMax?: number;
  /** Seconds that what was written may go on to be sent after `close`; 0: not at all. Default 3600. */
  readonly linger?: Seconds;
  /** What it runs on. Default: the loop of the running thread. */
  readonly loop?: Loop;
}

/** Options of {@linkcode CoroHandle.readline}. */
export interface LineOptions extends WaitOptions {
  /** Leave the separator out. Default false. */
  readonly chomp?: boolean;
}

/** Options of {@linkcode CoroHandle.read}. */
export interface ReadOptions extends WaitOptions {
  /** Be content with what is there, when there is something. Default false. */
  readonly partial?: boolean;
}
