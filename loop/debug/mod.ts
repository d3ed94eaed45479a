export type { ShellCommand, ShellSession } from "./commands.ts";
export { Debug, type DebugApi, debugOf } from "./debug.ts";
export { Debugger } from "./debugger.ts";
export { DebugShell, type ShellOptions } from "./shell.ts";
export { backtrace, cb2str } from "./site.ts";
export { type CallbackFailure, WrappedWatcher } from "./wrapped.ts";
