/**
 * CPU work on other cores: Coro::Multicore.
 *
 * @module
 */
export {
  Multicore,
  type MulticoreControls,
  multicoreOf,
  type MulticoreOptions,
} from "./controls.ts";
export {
  type AnyFunction,
  multicore,
  type MulticoreCallOptions,
  type MulticoreFunction,
  type MulticoreFunctionOptions,
  type WithoutContext,
} from "./multicore.ts";
