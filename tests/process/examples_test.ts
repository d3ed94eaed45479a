import assert from "node:assert/strict";
import { assertNoSurvivors, documentedFlags, Process, runToEnd } from "../support/processes.ts";

const PROGRAMS = [
  "channel.ts",
  "chat_client.ts",
  "chat_client2.ts",
  "chat_server.ts",
  "chat_server2.ts",
  "child_supervisor.ts",
  "die.ts",
  "dns_sweep.ts",
  "io_client.ts",
  "io_server.ts",
  "line_server.ts",
  "multicore.ts",
  "receiver.ts",
  "seed.ts",
  "semaphore.ts",
  "sender.ts",
  "simple_example.ts",
  "south_pole.ts",
  "synopsis.ts",
  "thread_life.ts",
  "thread_listing.ts",
  "three_threads.ts",
  "two_timers.ts",
  "wait_for_child.ts",
];

Deno.test("every example is listed in README.md and is tested here", () => {
  const folder = new URL("../../examples/", import.meta.url);
  const files = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".ts")).sort();
  assert.deepEqual(files, [...PROGRAMS, "demo.ts"].sort());
  const readme = Deno.readTextFileSync(new URL("README.md", folder));
  for (const file of files) assert(readme.includes(`\`${file}`), `${file} is not in README.md`);
});

Deno.test("examples explain themselves with --help and refuse what they do not know", async () => {
  for (const program of PROGRAMS) {
    const help = await runToEnd(program, { args: ["--help"] });
    assert.equal(help.code, 0, help.stderr);
    const command = ["deno run", ...documentedFlags(program), `examples/${program}`];
    assert(help.stdout.startsWith(command.join(" ")), help.stdout);
    const wrong = await runToEnd(program, { args: ["--no-such-option"] });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, new RegExp(`^Cannot run ${program}: .*--no-such-option`));
  }
});

Deno.test("examples say which argument is wrong", async () => {
  const cases: [program: string, args: string[], complaint: RegExp][] = [
    ["chat_client.ts", [], /^Cannot run chat_client\.ts: NICK is missing$/m],
    ["chat_client.ts", ["a", "b"], /^Cannot run chat_client\.ts: unexpected argument "b"$/m],
    [
      "child_supervisor.ts",
      ["--rounds", "x"],
      /^Cannot run child_supervisor\.ts: --rounds "x" is/m,
    ],
    ["sender.ts", ["--round-trips", "x"], /^Cannot run sender\.ts: --round-trips "x" is not/m],
    ["seed.ts", ["--bind", "127.0.0.1:x"], /^Cannot run seed\.ts: Cannot parse address "127/m],
    ["seed.ts", ["--bind", "192.0.2.1:0"], /^Cannot run seed\.ts: .*beyond loopback a secret/m],
  ];
  for (const [program, args, complaint] of cases) {
    const { code, stderr } = await runToEnd(program, { args });
    assert.match(stderr, complaint);
    assert.equal(code, 2);
  }
});

Deno.test("simple_example.ts prints what it was sent", async () => {
  const { code, stdout, stderr } = await runToEnd("simple_example.ts");
  assert.equal(stdout, "Ending with: 123\n");
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("die.ts prints why its ports died", async () => {
  const { code, stdout, stderr } = await runToEnd("die.ts");
  assert.match(
    stdout,
    /^anon\/\S+ was killed \(with reason: die oops\)\nanon\/\S+ was killed \(with reason: no_such_port .+\)\n$/,
  );
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("multicore.ts counts on all cores while a thread ticks", async () => {
  const { code, stdout, stderr } = await runToEnd("multicore.ts", { args: ["--to", "400000"] });
  assert.match(
    stdout,
    /^one core: {4}33860 primes below 400000 in [\d.]+ s, \d+ ticks meanwhile\nall cores: {3}33860 primes below 400000 in [\d.]+ s, [1-9]\d* ticks meanwhile\n[\d.]+ times as fast\n$/,
  );
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("two_timers.ts prints fifteen lines between two times", async () => {
  const { code, stdout, stderr } = await runToEnd("two_timers.ts", {
    env: { ANYEVENT_BACKEND: "sim" },
  });
  const lines = stdout.split("\n");
  const date = /(?:Sun|Mon|Sat) Sep +\d{1,2} \d\d:(\d\d):(\d\d) 2001/;
  const [start, ...ticks] = lines.slice(0, -1).map((line) => {
    const [, minutes, seconds] = date.exec(line) ?? assert.fail(line);
    return [line.replace(date, "@"), Number(minutes) * 60 + Number(seconds)] as const;
  });
  const end = ticks.pop()!;
  assert.deepEqual([start[0], end[0]], ["@", "@"]);
  const told = ticks.map(([text, at]) => `${text} ${at - start[1]}`);
  const expected = [2, 4, 5, 6, 8, 10, 10, 12, 14, 15, 16, 18, 20, 20, 22].map((at, index) =>
    `Every ${[2, 5, 9, 12].includes(index) ? 5 : 2} (@) ${at}`
  );
  assert.deepEqual(told, expected);
  assert.equal(end[1] - start[1], 22);
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("dns_sweep.ts finds all names both ways, the second way faster", async () => {
  const args = ["--names", "60", "--latency", "0.01", "--outstanding", "60"];
  const { code, stdout, stderr } = await runToEnd("dns_sweep.ts", { args });
  const [, factor] =
    /^one after another: 60 of 60 found in [\d.]+ s\nat the same time: +60 of 60 found in [\d.]+ s\n([\d.]+) times as fast\n$/
      .exec(stdout) ?? [];
  assert(Number(factor) > 1, stdout);
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

/** What the comment at the head of an example says that it prints. */
function documentedOutput(script: string): string {
  const text = Deno.readTextFileSync(new URL(`../../examples/${script}`, import.meta.url));
  const [, output] = / \* Prints: ([^]*?) \*\//.exec(text) ?? assert.fail(script);
  return output.replace(/^(?: \* {15}| {6})/gm, "");
}

for (
  const script of [
    "channel.ts",
    "semaphore.ts",
    "south_pole.ts",
    "synopsis.ts",
    "thread_life.ts",
    "thread_listing.ts",
    "three_threads.ts",
    "wait_for_child.ts",
  ]
) {
  Deno.test(`${script} prints what it says`, async () => {
    const { code, stdout, stderr } = await runToEnd(script);
    assert.equal(stdout, documentedOutput(script));
    assert.equal(stderr, "");
    assert.equal(code, 0);
  });
}

/** Lines about one child of child_supervisor.ts. */
function about(child: string, lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith(`${child}: `)).map((line) =>
    line.slice(child.length + 2)
  );
}

Deno.test("child_supervisor.ts restarts what fails, each time later, and ends what works", async () => {
  const args = ["--rounds", "3", "--delay", "0.05"];
  const { code, stdout, stderr } = await runToEnd("child_supervisor.ts", { args });
  const lines = stdout.trimEnd().split("\n");
  for (const [child, status] of [["flaky", 7], ["broken", 1]] as const) {
    assert.deepEqual(about(child, lines), [
      "started",
      `exited with ${status}, again in 0.05 s`,
      "started",
      `exited with ${status}, again in 0.1 s`,
      "started",
      `exited with ${status}, not again`,
    ]);
  }
  assert.deepEqual(about("steady", lines), ["started", "killed by signal 15"]);
  assert.deepEqual(lines.slice(-2), ["stopping", "steady: killed by signal 15"]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("child_supervisor.ts ends with its children on a signal, and leaves none behind", async () => {
  const marker = crypto.randomUUID();
  await using supervisor = new Process("child_supervisor.ts", { marker });
  await supervisor.line(/^ {2}steady: ready$/);
  supervisor.kill("SIGTERM");
  assert.equal(await supervisor.end(), 143, supervisor.stderr);
  assert.equal(about("steady", supervisor.lines).at(-1), "killed by signal 15");
  await assertNoSurvivors(marker, [supervisor.pid]);
});

/** Where a program says that it listens. */
async function addressOf(process: Process): Promise<string> {
  return (await process.complaint(/ listens on (\S+)\n/))[1];
}

Deno.test("receiver.ts prints what sender.ts sends, each second anew", async () => {
  await using receiver = new Process("receiver.ts", { args: ["--bind", "127.0.0.1:0"] });
  const seed = await addressOf(receiver);
  await using sender = new Process("sender.ts", { args: ["--seed", seed, "--round-trips", "10"] });
  await sender.line(/^10 round trips, median [\d.]+ µs$/);
  const [, first] = await receiver.line(/^Received data: (\d+(?:\.\d+)?)$/);
  const [, second] = await receiver.line(/^Received data: (\d+(?:\.\d+)?)$/);
  const passed = Number(second) - Number(first);
  assert(passed > 0.5 && passed < 10, `${passed} s between two messages`);
  for (const process of [sender, receiver]) {
    process.kill("SIGINT");
    assert.equal(await process.end(), 130, process.stderr);
  }
});

Deno.test("a program whose address is taken says so", async () => {
  await using seed = new Process("seed.ts", { args: ["--bind", "127.0.0.1:0"] });
  const address = await addressOf(seed);
  const other = await runToEnd("seed.ts", { args: ["--bind", address] });
  assert.match(other.stderr, new RegExp(`^Cannot .*${address}.*: .*in use`, "m"));
  assert.equal(other.code, 1);
});

for (
  const [server, client] of [
    ["chat_server.ts", "chat_client.ts"],
    ["chat_server2.ts", "chat_client2.ts"],
  ] as const
) {
  Deno.test(`two ${client} talk through ${server}, and are told who leaves`, async () => {
    await using seed = new Process("seed.ts", { args: ["--bind", "127.0.0.1:0"] });
    const args = ["--seed", await addressOf(seed)];
    await using chat = new Process(server, { args });
    await chat.complaint(/^server ready\.$/m);
    await using alice = new Process(client, { args: [...args, "alice"] });
    await alice.line(/^connecting\.\.\.$/);
    await alice.line(/^alice \(joins\)$/);
    await using bob = new Process(client, { args: [...args, "bob"] });
    await bob.line(/^bob \(joins\)$/);
    await alice.line(/^bob \(joins\)$/);
    await alice.write("hello, bob");
    for (const each of [alice, bob]) await each.line(/^alice: hello, bob$/);
    await bob.write("hello, alice");
    for (const each of [alice, bob]) await each.line(/^bob: hello, alice$/);
    await chat.line(/^relaying: bob: hello, alice$/);

    await bob.closeInput();
    assert.equal(await bob.end(), 0, bob.stderr);
    await alice.line(/^bob \(quits, shutdown\)$/);
    alice.kill("SIGINT");
    assert.equal(await alice.end(), 130, alice.stderr);
    await chat.line(/^relaying: alice \(quits, shutdown\)$/);
    chat.kill("SIGTERM");
    assert.equal(await chat.end(), 143, chat.stderr);
  });

  Deno.test(`${client} is told that ${server} was killed, and connects to the next`, async () => {
    await using seed = new Process("seed.ts", { args: ["--bind", "127.0.0.1:0"] });
    const args = ["--seed", await addressOf(seed)];
    await using first = new Process(server, { args: [...args, "--node", "first"] });
    await using alice = new Process(client, { args: [...args, "alice"] });
    await alice.line(/^alice \(joins\)$/);
    first.kill("SIGKILL");
    await alice.line(/^disconnected transport_error first \S/);
    await alice.write("is anybody there?");
    await alice.line(/nobody hears you/);
    await using second = new Process(server, { args: [...args, "--node", "second"] });
    await alice.line(/^connecting\.\.\.$/);
    await alice.line(/^alice \(joins\)$/);
    await alice.write("here again");
    await second.line(/^relaying: alice: here again$/);
    await alice.line(/^alice: here again$/);
  });
}

Deno.test("examples keep out who does not know their secret", async () => {
  await using seed = new Process("seed.ts", {
    args: ["--bind", "127.0.0.1:0", "--json"],
    secret: "right",
  });
  const { address } = await seed.event("ready");
  const args = ["--json", "--seed", String(address)];
  await using wrong = new Process("receiver.ts", {
    args: [...args, "--bind", "127.0.0.1:0", "--node", "wrong"],
    secret: "wrong",
    warnLevel: 9,
  });
  await wrong.complaint(/auth|secret/);
  await using right = new Process("receiver.ts", {
    args: [...args, "--bind", "127.0.0.1:0", "--node", "right"],
    secret: "right",
  });
  await seed.event("up");
  await right.event("up");
  assert.deepEqual(seed.events.filter((e) => e.event === "up").map((e) => e.node), ["right"]);
  assert(!wrong.events.some((event) => event.event === "up"));
});
