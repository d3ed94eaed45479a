/** Which tests of the loop and of threads can be run by plain `node`, and how. */
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

/** What ties a file to Deno: its API, or a backend of its own. */
const HOSTED = /\bDeno\.(?!test\()|@anyevent\/backends\/(native|ffi)/;
/** What Node 20 does not know, in a single test. */
const TOO_NEW = /^\s*using \w+ =|\bTemporal\.|\bDeno\./m;
const RELATIVE = /(?<=\bfrom ")\.{1,2}\/[^"]+(?=")/g;
/** One call of `Deno.test`, up to its closing line. */
const TEST = /^Deno\.test\([^]*?^\}\);$/gm;

/** Whether the file, or one that it imports, is tied to Deno. */
function hosted(path: string): boolean {
  const text = Deno.readTextFileSync(path);
  if (HOSTED.test(text)) return true;
  return [...text.matchAll(RELATIVE)].some(([other]) => hosted(join(path, "..", other)));
}

/** All test files of a folder that ask nothing of Deno but `Deno.test`. */
export function portableTests(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name))
    .filter((path) => path.endsWith("_test.ts") && !hosted(path)).toSorted();
}

/**
 * The text of a file, to be put anywhere, without the tests that Node could not parse. Each test gets the name
 * of the file as its first argument.
 */
export function portableText(path: string): string {
  return Deno.readTextFileSync(path)
    .replace(TEST, (test) => TOO_NEW.test(test.slice("Deno.".length)) ? "" : test)
    .replaceAll("Deno.test(", `Deno.test(${JSON.stringify(basename(path))}, `)
    .replace(RELATIVE, (other) => pathToFileURL(join(path, "..", other)).href);
}
