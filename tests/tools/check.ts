/**
 * All checks of the project but its tests: `deno task check [STEP…]`, `deno task check --help`.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkLayers } from "./layers.ts";
import { checkPublish } from "./publish.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Of a failing step's output. */
const MOST_LINES = 150;

/** One check: resolves to what is wrong, or to nothing. */
interface Step {
  readonly name: string;
  readonly about: string;
  run(): Promise<string>;
}

async function deno(...args: string[]): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command("deno", {
    args,
    cwd: ROOT,
    stdin: "null",
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  if (success) return "";
  const decoder = new TextDecoder();
  const lines = (decoder.decode(stdout) + decoder.decode(stderr)).trim().split("\n")
    // The rest is what the reporter of tests prints for each.
    .filter((line) => !line.startsWith("Check ") && !/^[.,!]$/.test(line));
  const more = lines.length - MOST_LINES;
  const text = lines.slice(0, MOST_LINES).join("\n") + (more > 0 ? `\n… ${more} lines more` : "");
  return `${text}\n(deno ${args.slice(0, 2).join(" ")} … exited with ${code})`;
}

/** The files that the packages export, below the root. */
async function exported(): Promise<string[]> {
  const out: string[] = [];
  const add = async (folder: string): Promise<readonly string[]> => {
    const config = JSON.parse(await Deno.readTextFile(join(ROOT, folder, "deno.json"))) as {
      readonly exports?: string | Readonly<Record<string, string>>;
      readonly workspace?: readonly string[];
    };
    const { exports = {} } = config;
    const paths = typeof exports === "string" ? [exports] : Object.values(exports);
    out.push(...paths.map((path) => join(folder, path)));
    return config.workspace ?? [];
  };
  for (const member of await add(".")) await add(member);
  return out;
}

/** The packages' folders and the root's own modules. */
async function packages(): Promise<string[]> {
  return [...new Set((await exported()).map((path) => path.split(/[\\/]/)[0]))];
}

/** The root's documents, and the packages' own. */
async function markdown(): Promise<string[]> {
  const out: string[] = [];
  for (const folder of ["", ...await packages()]) {
    const path = join(ROOT, folder);
    if (!(await Deno.stat(path)).isDirectory) continue;
    for await (const entry of Deno.readDir(path)) {
      if (entry.isFile && entry.name.endsWith(".md")) out.push(join(folder, entry.name));
    }
  }
  return out.sort();
}

/** What the examples may do, as a reader would let them. */
const DOC_TEST: readonly string[] = [
  ...["test", "--doc", "--no-check", "--quiet", "--reporter=dot", "--no-prompt"],
  ...["--allow-net=127.0.0.1", "--allow-env", "--allow-ffi", "--allow-read"],
  ...["--allow-sys=hostname", "--allow-run=deno"],
];

const STEPS: readonly Step[] = [
  {
    name: "types",
    about: "type check of packages, tests and examples",
    run: () => deno("check", "."),
  },
  {
    name: "examples",
    about: "type check of the examples in docstrings and in *.md",
    run: async () => await deno("check", "--doc-only", ...await markdown(), ...await packages()),
  },
  {
    name: "run",
    about: "the examples in docstrings and in *.md run",
    run: async () => await deno(...DOC_TEST, ...await markdown(), ...await packages()),
  },
  { name: "fmt", about: "deno fmt --check", run: () => deno("fmt", "--check") },
  { name: "lint", about: "deno lint, jsr's rules, our plugin", run: () => deno("lint") },
  {
    name: "doc",
    about: "every export documented",
    run: async () => await deno("doc", "--lint", ...await exported()),
  },
  {
    name: "layers",
    about: "who may import whom; cycles",
    run: async () => (await checkLayers(ROOT)).join("\n"),
  },
  {
    name: "publish",
    about: "dry runs: root, members, root without its name",
    run: async () => (await checkPublish(ROOT)).join("\n\n"),
  },
];

function help(): string {
  const list = STEPS.map((step) => `  ${step.name.padEnd(9)} ${step.about}`).join("\n");
  return `Usage: deno task check [STEP…]

Runs all checks of the project but its tests, or the named ones, two at a time.
Prints a line for each, the output of those that fail, and exits with 1 if one does.

Steps:
${list}`;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help());
    return 0;
  }
  const unknown = args.find((arg) => !STEPS.some((step) => step.name === arg));
  if (unknown !== undefined) {
    console.error(`Cannot run step ${JSON.stringify(unknown)}: there is none\n\n${help()}`);
    return 2;
  }
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  const paint = (code: number, text: string): string =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const jobs = STEPS.filter((step) => args.length === 0 || args.includes(step.name));
  let failed = 0;
  const lane = async (): Promise<void> => {
    for (let step = jobs.shift(); step !== undefined; step = jobs.shift()) {
      const began = performance.now();
      let output: string;
      try {
        output = await step.run();
      } catch (error) {
        output = error instanceof Error ? error.stack ?? error.message : String(error);
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
      const verdict = output === "" ? paint(32, "ok    ") : paint(31, "FAILED");
      console.log(`${verdict} ${step.name.padEnd(9)}${seconds} s  ${step.about}`);
      if (output !== "") {
        failed++;
        console.log(`${output}\n`);
      }
    }
  };
  await Promise.all([lane(), lane()]);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
