/** Other systems, measured beside ours when they are installed. */

/** What one of them measured: name to value, in our units. */
export interface PeerResult {
  /** Who. */
  readonly peer: string;
  /** Its figures, or why there are none. */
  readonly figures: ReadonlyMap<string, number> | string;
}

const FOLDER = new URL("./peers/", import.meta.url).pathname;

/** Milliseconds after which a program that does not end by itself is ended. */
const LONGEST_MS = 120_000;

/** Runs a program. @returns what it printed, `error: …`, or `undefined` when it is not installed */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      ...options,
      stdin: "null",
      signal: AbortSignal.timeout(LONGEST_MS),
    }).output();
    if (success) return new TextDecoder().decode(stdout);
    return `error: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads lines of name, tab, value. @param text of {@linkcode run} @param hint what to install */
export function figuresOf(peer: string, text: string | undefined, hint: string): PeerResult {
  if (text === undefined || text.startsWith("error:")) {
    return { peer, figures: `not measured: ${text ?? "not installed"} (${hint})` };
  }
  const figures = new Map<string, number>();
  for (const line of text.trim().split("\n")) {
    const [name, value] = line.split("\t");
    if (value !== undefined) figures.set(name, Number(value));
  }
  return { peer, figures };
}

/** Two Erlang nodes: the port they talk over is asked of the system first. */
async function erlangPair(scratch: string): Promise<string | undefined> {
  await Deno.writeTextFile(`${scratch}/pair.erl`, await Deno.readTextFile(`${FOLDER}pair.erl`));
  const compiled = await run("erlc", ["pair.erl"], { cwd: scratch });
  if (compiled === undefined || compiled.startsWith("error:")) return compiled;
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String((probe.addr as Deno.NetAddr).port);
  probe.close();
  const common = [
    "-noshell",
    "-setcookie",
    "bench",
    "-start_epmd",
    "false",
    "-erl_epmd_port",
    port,
  ];
  const server = new Deno.Command("erl", {
    args: [
      ...["-name", "bench_server@127.0.0.1", "-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
      ...[...common, "-s", "pair", "server"],
    ],
    cwd: scratch,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = server.stdout.getReader();
  try {
    await reader.read();
    return await run(
      "erl",
      [
        ...common,
        "-name",
        "bench_client@127.0.0.1",
        "-dist_listen",
        "false",
        "-s",
        "pair",
        "client",
      ],
      { cwd: scratch },
    );
  } finally {
    await server.stdin.close();
    await reader.cancel();
    await server.status;
  }
}

/** Measures those of messages, one after another. */
export async function measurePeers(scratch: string): Promise<PeerResult[]> {
  await Deno.writeTextFile(`${scratch}/bench.erl`, await Deno.readTextFile(`${FOLDER}bench.erl`));
  const compiled = await run("erlc", ["bench.erl"], { cwd: scratch });
  const erlang = compiled === undefined || compiled.startsWith("error:")
    ? compiled
    : await run("erl", ["-noshell", "-s", "bench", "main"], { cwd: scratch });
  const pair = await erlangPair(scratch);
  return [
    figuresOf("Erlang", pair === undefined ? erlang : `${erlang ?? ""}\n${pair}`, "erlang-base"),
  ];
}
