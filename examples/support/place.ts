import { UsageError } from "@anyevent/loop";

/**
 * The path at which a file may be written, below a folder, by who cannot be trusted with its name.
 *
 * @param directory folder that must not be left, through links neither
 * @param name relative path; its folders exist
 * @throws {UsageError} for a name that leads elsewhere, or to something that is no file
 */
export async function placeFor(directory: string, name: unknown): Promise<string> {
  if (typeof name !== "string" || name === "" || name.length > 1000 || /[\0\\:]/.test(name)) {
    throw new UsageError("it is not a file name");
  }
  const parts = name.split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new UsageError(`it leads out of ${directory}`);
  }
  const root = await Deno.realPath(directory);
  const parent = await resolved(parts.slice(0, -1).reduce((path, part) => `${path}/${part}`, root));
  if (parent !== root && !parent.startsWith(`${root}/`)) {
    throw new UsageError(`it leads out of ${directory}`);
  }
  const path = `${parent}/${parts.at(-1)}`;
  try {
    const { isFile } = await Deno.lstat(path);
    if (!isFile) throw new UsageError("there is something else of that name");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return path;
}

async function resolved(folder: string): Promise<string> {
  try {
    return await Deno.realPath(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError("its folder does not exist");
    throw error;
  }
}
