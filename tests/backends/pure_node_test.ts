import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** A line of the entry's output. */
interface Outcome {
  readonly name: string;
  readonly error?: string;
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert(success, `${command} exited with ${code}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

async function outcomes(): Promise<Outcome[]> {
  const parent = join(FOLDER, "../.tmp");
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "pure_node_" });
  try {
    const bundle = join(folder, "bundle.mjs");
    await run("deno", ["bundle", "--quiet", "-o", bundle, join(FOLDER, "pure_node_entry.ts")]);
    const lines = (await run("node", [bundle])).trim().split("\n");
    return lines.map((line) => JSON.parse(line) as Outcome);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the pure backend, loop and coro pass their suites when bundled and run by node", async (t) => {
  const all = await outcomes();
  // The last line says that the program got to its end, and then exited by itself.
  assert.equal(all.at(-1)?.name, "end");
  const cases = all.slice(0, -1);
  assert(cases.length > 50);
  for (const { name, error } of cases) {
    await t.step(name, () => assert.equal(error, undefined));
  }
});
