/** How a driven loop looks at its I/O. Private to the backends that share the loop. */
export interface Poller {
  /**
   * Calls back for each source that is ready, without waiting.
   *
   * @param call runs one callback, faults included
   * @returns whether there was any
   */
  poll(call: (cb: () => void) => void): boolean;
}

/** For a host that delivers I/O by itself, as posted callbacks. */
export const NO_POLLER: Poller = { poll: () => false };
