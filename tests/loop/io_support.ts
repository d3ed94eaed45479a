/** The platforms that have files, each with a folder to work in. */
import { simEnv } from "@anyevent/backends/sim";
import type { Env } from "@anyevent/backends/contract";
import { type FileIO, ioOf, Loop } from "@anyevent/loop";
import { REAL_ENVS } from "../support/real_envs.ts";

/** One of them. */
export interface Place {
  readonly io: FileIO;
  readonly loop: Loop;
  /** An empty folder. */
  readonly folder: string;
  readonly env: Env;
}

const MAKERS: readonly (readonly [string, () => Env])[] = [
  ...REAL_ENVS,
  ["sim", () => simEnv()],
];

/** Names of all. */
export const names: readonly string[] = MAKERS.map(([name]) => name);

/** Does something on one of them, and checks that nothing is left. */
export async function on(name: string, body: (place: Place) => Promise<void>): Promise<void> {
  const env = MAKERS.find(([each]) => each === name)![1]();
  const loop = new Loop(env);
  const io = ioOf(loop);
  let folder = "/work";
  if (name === "sim") await io.mkdir(folder);
  else {
    await Deno.mkdir("tests/.tmp", { recursive: true });
    folder = await Deno.makeTempDir({ dir: "tests/.tmp", prefix: "io_" });
  }
  try {
    await body({ io, loop, folder, env });
    const left = { ...io.stats(), held: loop.stats().held };
    if (left.open + left.requests + left.held > 0) throw new Error(`left ${JSON.stringify(left)}`);
  } finally {
    loop.dispose();
    env.backend.dispose();
    if (name !== "sim") await Deno.remove(folder, { recursive: true });
  }
}
