/**
 * Sends the time to all receivers, once per second.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/sender.ts
 * with examples/receiver.ts (or examples/seed.ts and receivers) running.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there.
 * Prints:       nothing; with --round-trips N once the median time of N round trips.
 */
import { grpGet, grpMon } from "@anyevent/global";
import { AE, AnyEvent } from "@anyevent/loop";
import { cal, type PortId, snd } from "@anyevent/mp";
import { Program } from "./support/program.ts";

const GROUP = "eg_receivers";

const program = new Program({
  name: "sender.ts",
  does: "Sends the time once per second to all receivers of its mesh.",
  permissions: "--allow-net=127.0.0.1",
  options: {
    "round-trips": { value: "N", help: "first measure N round trips to a receiver" },
  },
  node: { node: "eg_sender", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});
const count = program.number("round-trips", 0);

await program.start();

if (count > 0) {
  const micros = await roundTrips(await firstReceiver(), count);
  program.say(`${count} round trips, median ${micros.toFixed(1)} µs`, {
    event: "roundTrips",
    count,
    micros,
  });
}

AnyEvent.timer({
  after: 0,
  interval: 1,
  cb: () => {
    const receivers = grpGet(GROUP);
    if (receivers === undefined) return;
    const time = AE.time();
    for (const receiver of receivers) snd(receiver, "test", time);
    program.tell({ event: "sent", time, to: receivers.length });
  },
});

/** Waits until the mesh has a receiver. */
async function firstReceiver(): Promise<PortId> {
  const found = AE.cv<[PortId]>();
  using _watch = grpMon(GROUP, ([receiver]) => {
    if (receiver !== undefined) found.send(receiver);
  });
  return await found.recv();
}

/** Sends a message, waits for the answer, `count` times. @returns the median, in microseconds */
async function roundTrips(receiver: PortId, count: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const answer = AE.cv();
    const begin = performance.now();
    cal(receiver, "echo", i, answer);
    if (await answer.recv() !== i) throw new Error(`Cannot measure: ${receiver} is gone`);
    times.push((performance.now() - begin) * 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)];
}
