/**
 * The peers of the threads that come from npm. They are neither in `deno.json` nor in `deno.lock`, so nobody
 * gets them who does not ask: run by itself, this file installs them below `tests/.tmp`,
 *
 *     deno run --allow-read --allow-run=npm --allow-write=tests/.tmp tests/bench/coro_npm.ts
 *
 * and from then on `deno task bench coro` measures them. Deleting the folder takes them back.
 */

/** What is installed: name and version. */
export const PACKAGES: Readonly<Record<string, string>> = {
  effect: "4.1.0",
  effection: "4.1.1",
  nact: "7.6.2",
};

/** Where. */
export const FOLDER: string = new URL("../.tmp/bench/npm", import.meta.url).pathname;

/** How, for those who miss them. */
export const HINT = "tests/bench/coro_npm.ts installs it";

/** Which of them are there. */
export async function installed(): Promise<string[]> {
  const found: string[] = [];
  for (const name of Object.keys(PACKAGES)) {
    try {
      await Deno.stat(`${FOLDER}/node_modules/${name}/package.json`);
      found.push(name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

async function install(): Promise<number> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const manifest = JSON.stringify({ private: true, dependencies: PACKAGES });
  await Deno.writeTextFile(`${FOLDER}/package.json`, manifest + "\n");
  const { code } = await new Deno.Command("npm", {
    args: ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"],
    cwd: FOLDER,
    stdin: "null",
  }).output();
  return code;
}

if (import.meta.main) {
  const code = await install();
  console.log(code === 0 ? `${(await installed()).join(", ")} are in ${FOLDER}` : "npm failed");
  Deno.exit(code);
}
