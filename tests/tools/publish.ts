/**
 * Checks that everything could be published: `deno publish --dry-run` in the root, in each member, and
 * on a copy of the workspace whose root has no name, which is what makes Deno look for cycles between
 * packages. It needs no network but npm.
 *
 *     deno run --allow-read --allow-write=tests/.tmp --allow-run=deno tests/tools/publish.ts
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A `deno.json`, as far as it is used. */
interface Config {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly exports?: unknown;
  readonly workspace?: readonly string[];
  readonly imports?: Readonly<Record<string, string>>;
  readonly compilerOptions?: unknown;
}

/** The folder of the façade in the copy: there the root is a member as well. */
const FACADE = "anyevent";

async function config(folder: string): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(join(folder, "deno.json"))) as Config;
}

/**
 * The two files that take the place of a named root.
 *
 * @param root the workspace's `deno.json`
 * @returns the `deno.json` of a root without a name, and of the façade as a member of it
 */
export function virtualRoot(root: Config): { readonly root: Config; readonly facade: Config } {
  const { name, version, license, exports, workspace = [], imports, compilerOptions } = root;
  return {
    root: { workspace: [...workspace, `./${FACADE}`], imports, compilerOptions },
    facade: { name, version, license, exports },
  };
}

async function copySources(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const source = join(from, entry.name);
    if (entry.isDirectory) await copySources(source, join(to, entry.name));
    else await Deno.copyFile(source, join(to, entry.name));
  }
}

/** Writes the workspace at `root` into `to`, its root without a name. */
export async function makeVirtual(root: string, to: string): Promise<void> {
  const own = await config(root);
  const made = virtualRoot(own);
  await Deno.mkdir(join(to, FACADE), { recursive: true });
  await Deno.writeTextFile(join(to, "deno.json"), JSON.stringify(made.root));
  await Deno.writeTextFile(join(to, FACADE, "deno.json"), JSON.stringify(made.facade));
  const exported = typeof own.exports === "string"
    ? [own.exports]
    : Object.values((own.exports ?? {}) as Record<string, string>);
  for (const path of exported) {
    await Deno.mkdir(dirname(join(to, FACADE, path)), { recursive: true });
    await Deno.copyFile(join(root, path), join(to, FACADE, path));
  }
  for (const member of own.workspace ?? []) await copySources(join(root, member), join(to, member));
}

async function dryRun(folder: string): Promise<string | undefined> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    // Types are a step of their own; slow types are looked for all the same.
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return success ? undefined : text.trim();
}

/** Dry-runs every way of publishing the workspace at `root`. @returns what failed */
export async function checkPublish(root: string): Promise<string[]> {
  const { workspace = [] } = await config(root);
  const parent = join(root, "tests", ".tmp");
  await Deno.mkdir(parent, { recursive: true });
  const virtual = await Deno.makeTempDir({ dir: parent, prefix: "publish_" });
  const out: string[] = [];
  const run = async (folder: string, label: string): Promise<void> => {
    const failure = await dryRun(folder);
    if (failure !== undefined) out.push(`publish ${label}: ${failure}`);
  };
  try {
    await makeVirtual(root, virtual);
    const jobs = [
      () => run(virtual, "(the root without its name)"),
      () => run(root, "."),
      ...workspace.map((member) => () => run(join(root, member), member)),
    ];
    // Two at a time: each is a process of its own that wants a core.
    const lane = async (): Promise<void> => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
    };
    await Promise.all([lane(), lane()]);
  } finally {
    await Deno.remove(virtual, { recursive: true });
  }
  return out;
}

if (import.meta.main) {
  const found = await checkPublish(fileURLToPath(new URL("../../", import.meta.url)));
  for (const line of found) console.error(line);
  if (found.length > 0) Deno.exit(1);
}
