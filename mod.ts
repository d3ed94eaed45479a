/**
 * AnyEvent for Deno: one watcher and condvar API over swappable event loops, cooperative threads, and an
 * Erlang-style mesh of message-passing processes that speaks the wire protocol of Perl's AnyEvent::MP.
 *
 * This module is all of it; each layer is a package of its own as well: `@anyevent/backends`,
 * `@anyevent/loop`, `@anyevent/coro`, `@anyevent/mp`, `@anyevent/global`.
 *
 * @example
 * ```ts
 * import { AnyEvent, port, rcv, snd } from "@anyevent/anyevent";
 *
 * const end = AnyEvent.condvar<[number]>();
 * const p = port();
 * rcv(p, "test", (n: number) => end.send(n));
 * snd(p, "test", 123);
 * console.log("Ending with:", await end.recv()); // 123
 * ```
 *
 * @module
 */
export * from "@anyevent/loop";
export * from "@anyevent/coro";
export * from "@anyevent/mp/coro";
export * from "@anyevent/global";
export { Debug as CoroDebug, sleep } from "@anyevent/coro";
export { Debug } from "@anyevent/loop";
