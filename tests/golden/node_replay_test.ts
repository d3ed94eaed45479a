// Replays recorded nodes of Perl's AnyEvent::MP with whole nodes of ours, each node of a recording in turn.

import assert from "node:assert/strict";
import { codecFraming, registerFraming } from "@anyevent/mp/wire";
import type { PlayedEnd } from "./played_end.ts";
import { isTime } from "./recorded.ts";
import { type ProgramEvent, type Replay, replay } from "./replay.ts";
import { programs } from "./scenarios.ts";
import { loadTranscript, type Transcript, transcriptNames } from "./transcripts.ts";

// Default Perl nodes announce storable as well; json comes first, so it is never spoken here.
const unspoken = (): never => assert.fail("storable was negotiated");
registerFraming(codecFraming("storable", { encode: unspoken, decode: unspoken }));

/** Seconds by which what a node does may differ: Perl took its time, and looks every 0.05 s. */
const TOLERANCE = 0.06;

type Message = readonly unknown[];
type Events = readonly ProgramEvent[];

interface Difference {
  /** What differs from the recording, and why that is right. */
  readonly what: string;
  /** Where: `SCENARIO ROLE`, or everywhere. */
  readonly where?: string;
  /** What we expect instead of a recorded string. */
  readonly text?: (recorded: string) => unknown;
  /** What we expect instead of a recorded number, given what we sent. */
  readonly number?: (recorded: number, ours: unknown) => unknown;
  /** What we expect instead of a recorded message. */
  readonly message?: (recorded: Message) => Message;
  /** What we expect instead of the recorded events of the program. */
  readonly events?: (recorded: Events) => Events;
  /** Puts an order that means nothing into messages, or events, of both. */
  readonly orderMessage?: (message: Message) => Message;
  readonly orderEvents?: (events: Events) => Events;
}

/** Everything in which our nodes may differ from the recorded ones; all else has to be equal. */
const DIFFERENCES: readonly Difference[] = [
  {
    what: "Perl adds the source line to the text of `die`; our errors have no such text",
    text: (recorded) => recorded.replace(/ at \S+ line \d+\.\n?$/, ""),
  },
  {
    what: "the decoder of the recordings read this one number of the wire as a string",
    text: (recorded) => recorded === "-9223372036854775808" ? Number(recorded) : recorded,
  },
  {
    what: "`time` is answered a moment earlier: our node takes no time to answer",
    number: (recorded, ours) =>
      isTime(recorded) && isTime(ours) && Math.abs(recorded - ours) < 0.01 ? ours : recorded,
  },
  {
    what: "`eval` is off unless the operator turns it on, and says so",
    where: "node-port A",
    message: ([port, tag, ...rest]) =>
      tag === "ev" || tag === "ev2"
        ? [port, tag, "eval is not enabled on node_a"]
        : [port, tag, ...rest],
  },
  {
    what: "the order of `known_nodes` is that of a hash in Perl; both have the own id twice",
    where: "cleartext A",
    orderMessage: ([port, ...ids]) =>
      port === "me" && ids.length === 3 ? [port, ...ids.sort()] : [port, ...ids],
  },
  {
    what: "the order of group members is that of a hash in Perl",
    orderEvents: (events) =>
      events.map((event) => {
        const copy: Record<string, unknown> = { ...event };
        for (const key of ["ports", "svc"]) {
          if (Array.isArray(copy[key])) copy[key] = copy[key].toSorted();
        }
        return { ...copy, ev: event.ev };
      }),
  },
  {
    what: "changes of a group in one turn are told together, never inside the call",
    where: "grp-3nodes-json B",
    events: (events) => {
      const [first, second] = events.filter(({ ev, add }) =>
        ev === "grp_mon" && String(add).startsWith("node_b#")
      );
      return events.filter((event) => event !== first).map((event) =>
        event === second ? { ...second, add: [first.add, second.add].flat() as unknown[] } : event
      );
    },
  },
  {
    what: "the callback of `cal` is called once, although the target is lost later",
    where: "cal B",
    events: (events) => events.filter(({ ev, n }) => !(ev === "cal_time" && n === 0)),
  },
  {
    what: "monitors of different ports fire in no particular order in Perl",
    where: "connect-unknown-node B",
    orderEvents: (events) =>
      events.toSorted((a, b) => isMon(a) && isMon(b) ? (a.ev < b.ev ? -1 : 1) : 0),
  },
];

function isMon({ ev }: ProgramEvent): boolean {
  return ev.startsWith("mon");
}

function differencesAt(where: string): readonly Difference[] {
  return DIFFERENCES.filter((difference) => (difference.where ?? where) === where);
}

/** What we expect instead of a recorded value, deeply. */
function expectedValue(
  differences: readonly Difference[],
  recorded: unknown,
  ours: unknown,
): unknown {
  if (typeof recorded === "string") {
    return differences.reduce<unknown>(
      (value, { text }) => typeof value === "string" ? text?.(value) ?? value : value,
      recorded,
    );
  }
  if (typeof recorded === "number") {
    return differences.reduce<unknown>(
      (value, { number }) => typeof value === "number" ? number?.(value, ours) ?? value : value,
      recorded,
    );
  }
  if (typeof recorded !== "object" || recorded === null) return recorded;
  const at = (key: string | number): unknown =>
    expectedValue(
      differences,
      (recorded as Record<string | number, unknown>)[key],
      (ours as Record<string | number, unknown> | undefined)?.[key],
    );
  if (Array.isArray(recorded)) return recorded.map((_, index) => at(index));
  return Object.fromEntries(Object.keys(recorded).map((key) => [key, at(key)]));
}

/** Asserts that an end said what the recorded one did, when it did. */
function verifyEnd(where: string, end: PlayedEnd, cut: number): void {
  const { own } = end;
  assert.ok(end.openedAt !== undefined, `${end.name} came about`);
  const [greeting, nonce, auth] = end.lines;
  assert.equal(greeting, own.greeting);
  assert.equal(nonce, own.nonce);
  assert.equal(auth, own.auth);

  const differences = differencesAt(where);
  const order = (message: Message): Message =>
    differences.reduce((value, { orderMessage }) => orderMessage?.(value) ?? value, message);
  const instead = (recorded: Message): Message =>
    differences.reduce((value, { message }) => message?.(value) ?? value, recorded);
  const ours = end.messages.filter(({ t }) => t <= cut);
  const messages = ours.map(({ message }) => order(message));
  const units = own.units.filter((unit) => unit.kind === "msg").filter(({ t }) => t <= cut);
  const expected = units.map(({ msg }) => order(instead(msg)));
  assert.deepEqual(messages, expectedValue(differences, expected, messages));
  ours.forEach(({ t, message }, index) => {
    const late = Math.abs(t - units[index].t);
    assert.ok(late < TOLERANCE, `${late} s off: ${JSON.stringify(message)}`);
  });

  const close = end.connection.events.find(({ ev }) => ev === "close")?.t;
  if (close !== undefined && close < cut) assert.ok(end.closedAt! <= close, "closed as recorded");
}

const REFUSALS = /authentication failure|refuse to talk to myself|already connected/;

/** Asserts that all of a node was as recorded: each connection, its program, its refusals. */
function verify(transcript: Transcript, role: string, played: Replay): void {
  const where = `${transcript.name} ${role}`;
  assert.deepEqual(played.thrown, []);
  assert.ok(played.ends.length > 0);
  for (const end of played.ends) verifyEnd(where, end, played.cut);

  const differences = differencesAt(where);
  const meta = transcript.meta.nodes.find((node) => node.role === role)!;
  const recorded: Events = meta.events.filter(({ ev }) => ev !== "log" && ev !== "ready")
    .map(({ t: _t, ...event }) => ({ ...event, ev: event.ev }));
  const order = (events: Events): Events =>
    differences.reduce((list, { orderEvents }) => orderEvents?.(list) ?? list, events);
  const instead = (recorded: Events): Events =>
    differences.reduce((list, { events }) => events?.(list) ?? list, recorded);
  const ours = order(played.events);
  assert.deepEqual(ours, expectedValue(differences, order(instead(recorded)), ours));

  const said = meta.events.flatMap(({ msg }) => typeof msg === "string" ? [msg] : []);
  const refusals = (list: readonly string[]): readonly string[] =>
    list.filter((text) => REFUSALS.test(text)).sort();
  assert.deepEqual(refusals(played.logged), refusals(said));

  // Perl's nodes were ended before they went on looking for their mesh.
  const last = Math.max(...played.ends.map(({ closedAt }) => closedAt ?? 0));
  assert.deepEqual(played.strays.filter(({ t }) => t < last), []);
  assert.deepEqual(played.left, [0, 0, 0], "timers, watchers and posts after stop()");
}

Deno.test("programs has one for each node of each recording that is replayed", () => {
  assert.deepEqual(Object.keys(programs).sort(), transcriptNames());
  for (const name of transcriptNames()) {
    const roles = loadTranscript(name).meta.nodes.map(({ role }) => role);
    assert.deepEqual(Object.keys(programs[name]), roles, name);
  }
});

Deno.test("DIFFERENCES names only nodes that are replayed", () => {
  for (const { where, what } of DIFFERENCES) {
    if (where === undefined) continue;
    const [name, role] = where.split(" ");
    assert.ok(programs[name]?.[role] !== undefined, what);
  }
});

/** Perl's node is gone before the recording ends: when it was killed. */
const UNTIL: Readonly<Record<string, number>> = { "node-killed-json A": 0.69 };

for (const name of transcriptNames()) {
  // Has its own tests: there we differ on purpose.
  if (name === "cross-connect-latency") continue;
  const transcript = loadTranscript(name);
  for (const [role, program] of Object.entries(programs[name])) {
    Deno.test(`Node replays ${name} as node ${role}`, async () => {
      const until = UNTIL[`${name} ${role}`];
      const options = until === undefined ? {} : { until };
      verify(transcript, role, await replay(transcript, role, program, options));
    });
  }
}
