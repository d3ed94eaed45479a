import type { Env } from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";

/** Environments with real files, processes and workers, as far as they run here: name, and what makes one. */
export const REAL_ENVS: readonly (readonly [name: string, make: () => Env])[] = [
  ["native", () => nativeEnv()],
  ["pure", () => pureEnv({ host: nodeHost() })],
  ...Deno.build.os === "linux" ? [["ffi", () => ffiEnv()] as const] : [],
];
