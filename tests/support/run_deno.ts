/** What a child process printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ROOT = new URL("../../", import.meta.url);

/**
 * Runs a module as a process of its own and waits for its end.
 *
 * @param path relative to the repository
 * @param args for the module
 * @param options permissions; text for its standard input, or `"open"`: a pipe that stays open
 */
export async function runDeno(
  path: string,
  args: readonly string[],
  options: { readonly allow?: readonly string[]; readonly stdin?: string } = {},
): Promise<Ran> {
  const child = new Deno.Command("deno", {
    args: ["run", "--no-prompt", ...(options.allow ?? []), new URL(path, ROOT).pathname, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  const input = options.stdin;
  if (input !== "open") {
    // A child that has ended already reads nothing.
    await writer.write(new TextEncoder().encode(input ?? "")).catch(() => undefined);
    await writer.close().catch(() => undefined);
  }
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  if (input === "open") await writer.close().catch(() => undefined);
  return { code: status.code, out, err };
}
