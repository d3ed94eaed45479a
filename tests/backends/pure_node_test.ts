import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { portableTests, portableText } from "./pure_node_files.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** Those of the loop's own tests that are about watchers and condvars. */
const LOOP_TESTS = [
  "condvar_test.ts",
  "loop_test.ts",
  "timer_test.ts",
  "watchers_test.ts",
];

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

async function outcomes(files: readonly string[]): Promise<Outcome[]> {
  const parent = join(FOLDER, "../.tmp");
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "pure_node_" });
  try {
    const paths = [join(FOLDER, "pure_node_collect.ts")];
    for (const [index, file] of files.entries()) {
      const copy = join(folder, `${index}_${basename(file)}`);
      await Deno.writeTextFile(copy, portableText(file));
      paths.push(copy);
    }
    paths.push(join(FOLDER, "pure_node_entry.ts"));
    const entry = join(folder, "entry.ts");
    const imports = paths.map((path) => `import ${JSON.stringify(pathToFileURL(path).href)};\n`);
    await Deno.writeTextFile(entry, imports.join(""));
    const bundle = join(folder, "bundle.mjs");
    await run("deno", ["bundle", "--quiet", "-o", bundle, entry]);
    const all: Outcome[] = [];
    for (const args of [...files.map((path) => [basename(path)]), []]) {
      // What a test leaves waiting may be failed by a later one of its file.
      const options = args.length > 0 ? ["--unhandled-rejections=warn"] : [];
      const printed = (await run("node", [...options, bundle, ...args])).trim().split("\n");
      // Tests print, too.
      const lines = printed.filter((line) => line.startsWith('{"name":'));
      all.push(...lines.map((line) => JSON.parse(line) as Outcome));
      // The last line says that the program got to its end, and then exited by itself.
      assert.equal(all.pop()?.name, "end", args[0]);
    }
    return all;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the pure backend, loop and coro pass their suites when bundled and run by node", async (t) => {
  const tests = join(FOLDER, "..");
  const files = [...LOOP_TESTS.map((name) => join(tests, "loop", name))];
  files.push(...portableTests(join(tests, "coro")));
  const names = files.map((path) => basename(path));
  for (const name of ["thread_test.ts", "channel_test.ts", "semaphore_test.ts"]) {
    assert(names.includes(name), `${name} is left out`);
  }
  const cases = await outcomes(files);
  for (const kind of ["loop: ", "loop in memory: ", "backend: ", "test: "]) {
    assert(cases.filter(({ name }) => name.startsWith(kind)).length > 40, `too few of "${kind}"`);
  }
  for (const { name, error } of cases) {
    await t.step(name, () => assert.equal(error, undefined));
  }
});
