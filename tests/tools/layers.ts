/**
 * Checks the imports of all packages: the layers, cycles between packages (any import) and between
 * files (imports of code), and that crossings go by package name.
 *
 *     deno run --allow-read --allow-write=tests/.tmp --allow-run=deno tests/tools/layers.ts
 */
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import of one file. */
export interface Edge {
  /** The importing file, below the workspace. */
  readonly from: string;
  /** The imported file below the workspace, or the whole specifier when it is elsewhere. */
  readonly to: string;
  /** As written. */
  readonly specifier: string;
  /** Whether it is an import of types only. */
  readonly typeOnly: boolean;
}

const MEMBERS = ["backends", "loop", "coro", "mp", "global"];

/** What each package may import of the others: prefixes of paths. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  backends: [],
  loop: ["backends/"],
  coro: ["loop/", "backends/contract/"],
  mp: ["loop/", "backends/contract/"],
  global: ["mp/", "loop/", "backends/contract/"],
  ".": MEMBERS.map((member) => `${member}/`),
};

/** Files that may import more than their package. */
const EXTRA: Readonly<Record<string, readonly string[]>> = { "mp/coro.ts": ["coro/"] };

/** The package of a file: its top folder, or `"."`. */
export function packageOf(path: string): string {
  const top = path.split("/")[0];
  return MEMBERS.includes(top) && path.includes("/") ? top : ".";
}

function isOurs(path: string): boolean {
  return !path.includes(":");
}

function crossing(edge: Edge): string | undefined {
  const from = packageOf(edge.from);
  if (packageOf(edge.to) === from) {
    return edge.specifier.startsWith("@anyevent/")
      ? `${edge.from} imports ${edge.specifier}, its own package: use a relative path`
      : undefined;
  }
  const allowed = [...ALLOWED[from], ...(EXTRA[edge.from] ?? [])];
  if (!allowed.some((prefix) => edge.to.startsWith(prefix))) {
    return `${edge.from} imports ${edge.specifier}: ${from} may not`;
  }
  return edge.specifier.startsWith("@anyevent/")
    ? undefined
    : `${edge.from} imports ${edge.specifier}: use the package's name`;
}

/** `backends/x/…`: contract, driven and its own folder only. */
function amongBackends(edge: Edge): string | undefined {
  const [top, from, inside] = edge.from.split("/");
  if (top !== "backends" || inside === undefined || !edge.to.startsWith("backends/")) {
    return undefined;
  }
  const to = edge.to.split("/")[1];
  const allowed = from === "contract"
    ? ["contract"]
    : from === "driven" || from === "conformance"
    ? ["contract", from]
    : ["contract", "driven", from];
  return allowed.includes(to)
    ? undefined
    : `${edge.from} imports ${edge.specifier}: a backend may import contract and driven only`;
}

/**
 * The cycles of a graph: one path for each group of nodes that reach each other.
 *
 * @param edges pairs of from and to
 */
export function cycles(edges: Iterable<readonly [string, string]>): string[][] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) {
    if (!next.has(from)) next.set(from, new Set());
    next.get(from)!.add(to);
  }
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): void => {
    state.set(node, "open");
    path.push(node);
    for (const to of [...next.get(node) ?? []].sort()) {
      if (state.get(to) === "open") found.push([...path.slice(path.indexOf(to)), to]);
      else if (!state.has(to)) visit(to);
    }
    path.pop();
    state.set(node, "done");
  };
  for (const node of [...next.keys()].sort()) {
    if (!state.has(node)) visit(node);
  }
  return found;
}

/**
 * What is wrong with a graph of imports.
 *
 * @param edges all imports of the packages' files
 * @returns one line each; empty when nothing is
 */
export function problems(edges: readonly Edge[]): string[] {
  const out: string[] = [];
  for (const edge of edges) {
    if (!isOurs(edge.to)) {
      if (!/^(npm|node):/.test(edge.to)) {
        out.push(`${edge.from} imports ${edge.specifier}: only npm: and node: are at hand`);
      }
      continue;
    }
    if (/^(tests|examples)\//.test(edge.to)) {
      out.push(`${edge.from} imports ${edge.specifier}: it is not published`);
      continue;
    }
    const wrong = crossing(edge) ?? amongBackends(edge);
    if (wrong !== undefined) out.push(wrong);
  }
  const ours = edges.filter((edge) => isOurs(edge.to));
  const between = ours.map((edge) => [packageOf(edge.from), packageOf(edge.to)] as const);
  for (const cycle of cycles(between.filter(([from, to]) => from !== to))) {
    out.push(`packages import each other: ${cycle.join(" -> ")}`);
  }
  const code = ours.filter((edge) => !edge.typeOnly).map((edge) => [edge.from, edge.to] as const);
  for (const cycle of cycles(code)) out.push(`files import each other: ${cycle.join(" -> ")}`);
  return out;
}

/** The shape of `deno info --json`, as far as it is used. */
interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string; readonly error?: string };
      readonly type?: { readonly specifier?: string; readonly error?: string };
    }[];
  }[];
}

/** The imports that `deno info --json` found in the packages below `root`, and its errors. */
export function edgesOf(info: Info, root: string): { edges: Edge[]; errors: string[] } {
  const base = pathToFileURL(root).href.replace(/\/?$/, "/");
  const inside = (specifier: string): string =>
    specifier.startsWith(base) ? specifier.slice(base.length) : specifier;
  const edges: Edge[] = [];
  const errors: string[] = [];
  for (const module of info.modules) {
    const from = inside(module.specifier);
    if (module.error !== undefined) errors.push(`${from}: ${module.error}`);
    if (!isOurs(from) || from.startsWith("tests/")) continue;
    for (const { specifier, code, type } of module.dependencies ?? []) {
      for (const one of [code, type]) {
        if (one?.error !== undefined) errors.push(`${from}: ${one.error}`);
        if (one?.specifier === undefined) continue;
        edges.push({ from, to: inside(one.specifier), specifier, typeOnly: one === type });
      }
    }
  }
  return { edges, errors };
}

/** All TypeScript files of the packages, below `root`. */
export async function sources(root: string): Promise<string[]> {
  const out: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) await walk(path);
      else if (/\.tsx?$/.test(entry.name)) out.push(relative(root, path).replaceAll(sep, "/"));
    }
  };
  for (const member of MEMBERS) await walk(join(root, member));
  for await (const entry of Deno.readDir(root)) {
    if (entry.isFile && entry.name.endsWith(".ts")) out.push(entry.name);
  }
  return out.sort();
}

/** Reads the imports of the workspace at `root`, and says what is wrong with them. */
export async function checkLayers(root: string): Promise<string[]> {
  const files = await sources(root);
  const folder = join(root, "tests", ".tmp");
  await Deno.mkdir(folder, { recursive: true });
  const entry = join(folder, `layers_${crypto.randomUUID()}.ts`);
  await Deno.writeTextFile(entry, files.map((file) => `import "../../${file}";\n`).join(""));
  try {
    const { success, stdout, stderr } = await new Deno.Command("deno", {
      args: ["info", "--json", entry],
      cwd: root,
    }).output();
    if (!success) return [`deno info failed: ${new TextDecoder().decode(stderr)}`];
    const { edges, errors } = edgesOf(JSON.parse(new TextDecoder().decode(stdout)) as Info, root);
    return [...errors, ...problems(edges)];
  } finally {
    await Deno.remove(entry);
  }
}

if (import.meta.main) {
  const found = await checkLayers(fileURLToPath(new URL("../../", import.meta.url)));
  for (const line of found) console.error(line);
  if (found.length > 0) Deno.exit(1);
}
