/**
 * Workers of a host: threads with a heap of their own, for work that would hold up the loop.
 *
 * @module
 */

/** What a worker tells. Nothing comes inside a call, nor after `terminate`. */
export interface WorkerEvents {
  /** A message, as the worker posted it. */
  message(data: unknown): void;
  /** It has ended, for a reason of its own; nothing comes afterwards. */
  ended(error: Error): void;
}

/** A worker. It does not keep the process alive. */
export interface HostWorker {
  /**
   * Sends a message.
   *
   * @param transfer what moves over instead of being copied
   * @throws whatever the host throws for what cannot be cloned; then nothing was sent
   */
  post(message: unknown, transfer: readonly Transferable[]): void;
  /** Ends it at once. Idempotent. */
  terminate(): void;
}

/** The workers of a {@linkcode Host}. */
export interface Workers {
  /** How many can run at the same time. */
  readonly parallelism: number;
  /**
   * Starts one.
   *
   * @param program source of a JavaScript module. It finds `host.post(message, transfer?)` and
   * `host.receive(callback)` defined
   * @throws {UsageError} when the host's permission is missing
   */
  start(program: string, events: WorkerEvents): HostWorker;
}
