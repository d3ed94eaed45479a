export { Debug, type ThreadDebugApi, threadDebugOf } from "./debug.ts";
export { ThreadDebugger } from "./debugger.ts";
