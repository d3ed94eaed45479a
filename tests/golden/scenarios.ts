/**
 * The programs that ran when the recordings were made, by scenario and node, in TypeScript.
 *
 * Each is the Perl code in `data/transcripts/NAME.meta.json`, statement by statement. Two things of
 * Perl are put into the arguments: numbers that were used as strings are strings on the wire, and
 * floats are printed with 15 digits.
 */
import { type NodeId, type PortId, SELF } from "@anyevent/mp";
import type { Play, Program } from "./replay.ts";

const nothing: Program = () => undefined;

/** Node with a port that makes ports on request, which can be made to end in every way. */
function maker({ node, global, ev }: Play): void {
  const ctl = node.port();
  node.rcv(ctl, "mk", (reply: PortId) => {
    const p = node.port();
    node.rcv(p, {
      quit: () => node.kil(SELF()!),
      quitr: (...reason) => node.kil(SELF()!, ...reason),
      die: (text: string) => {
        throw new Error(text);
      },
      echo: (to: PortId, ...message: unknown[]) => node.snd(to, ...message),
    });
    ev("made", { port: p });
    node.snd(reply, "made", p);
  });
  global.groups.register("ctl", ctl);
}

/** Node with a port that takes everything. */
function sink({ node, global, ev }: Play): void {
  const port = node.port();
  node.rcv(port, (...msg) => ev("msg", { msg }));
  global.groups.register("sink", port);
  ev("sink", { port });
}

/** Runs steps one after the other, 0.15 s apart: each calls the function it returns when it is done. */
function stepper({ node, ev }: Play, steps: (() => void)[]): () => void {
  return () => {
    const step = steps.shift();
    if (step === undefined) ev("done");
    else node.after(0.15, step);
  };
}

function monKil(play: Play): void {
  const { node, ev, waitGroup } = play;
  const steps: (() => void)[] = [];
  const next = stepper(play, steps);
  const me = node.port();
  const mon = (...reason: unknown[]): void => ev("mon", { reason });
  const monNext = (...reason: unknown[]): void => {
    mon(...reason);
    next();
  };
  waitGroup("ctl", (ctl) => {
    const step = (name: string, body: (p: PortId) => void): void => {
      steps.push(() => {
        ev("step", { name });
        node.rcv(me, "made", (p: PortId) => body(p));
        node.snd(ctl, "mk", me);
      });
    };
    step("normal kill: port kils itself without reason", (p) => {
      node.mon(p, monNext);
      node.snd(p, "quit");
    });
    step("kill with reason list", (p) => {
      node.mon(p, monNext);
      node.snd(p, "quitr", "my_error", "text", { a: 1 }, 5);
    });
    step("two monitors on one port: one mon1, one kil0", (p) => {
      node.mon(p, (...reason) => ev("mon", { which: 1, reason }));
      node.mon(p, (...reason) => {
        ev("mon", { which: 2, reason });
        next();
      });
      node.snd(p, "quitr", "x");
    });
    step("remote kil from node_b", (p) => {
      node.mon(p, monNext);
      node.kil(p, "remote_kil", 1);
    });
    step("remote kil without reason", (p) => {
      node.mon(p, monNext);
      node.kil(p);
    });
    step("monitor then unmonitor via guard (mon0), then kil: no notification", (p) => {
      const guard = node.mon(p, (...reason) => ev("mon", { unexpected: 1, reason }));
      node.after(0.1, () => {
        guard.cancel();
        node.kil(p, "ignored");
        node.after(0.2, next);
      });
    });
    step("mon with message form", (p) => {
      const q = node.port();
      node.rcv(q, "down", (...msg) => {
        ev("mon", { msg });
        next();
      });
      node.mon(p, q, "down", "extra");
      node.snd(p, "quitr", "r1", "r2");
    });
    step(
      "mon with port form, abnormal: local port is killed with the same reason",
      (p) => {
        const q = node.port();
        node.mon(q, (...reason) => {
          ev("mon", { linked: 1, reason });
          next();
        });
        node.mon(p, q);
        node.snd(p, "quitr", "linkdeath", 1);
      },
    );
    step("mon with port form, normal: local port survives", (p) => {
      const q = node.port();
      node.mon(q, () => ev("mon", { unexpected: 1 }));
      node.mon(p, q);
      node.mon(p, monNext);
      node.snd(p, "quit");
    });
    next();
  });
}

function monDie({ node, ev, waitGroup }: Play): void {
  const me = node.port();
  waitGroup("ctl", (ctl) => {
    node.snd(ctl, "mk", me);
    node.rcv(me, "made", (p: PortId) => {
      node.mon(p, (...reason) => {
        ev("mon", { reason });
        node.snd(p, "echo", me, "lost");
        node.mon(p, (...reason) => {
          ev("mon2", { reason });
          ev("done");
        });
      });
      node.snd(p, "die", "oops\n");
    });
  });
}

function cal({ node, ev, waitGroup }: Play): void {
  const me = node.port();
  waitGroup("ctl", (ctl) => {
    node.snd(ctl, "mk", me);
    node.rcv(me, "made", (p: PortId) => {
      node.cal(p, "nosuchtag_goes_to_default", (...args) => ev("cal_default", { args }));
      node.after(0.3, () =>
        node.cal("node_a", "time", (...reply) => {
          ev("cal_time", { n: reply.length });
          node.cal("node_a", "devnull", (...args) => {
            ev("cal_timeout", { args });
            node.cal("node_a#gone", "x", (...args) => {
              ev("cal_dead", { args });
              ev("done");
            });
          }, 0.3);
        }));
    });
  });
}

function spawnInits({ node, ev }: Play): void {
  node.register("::init_echo", (client: PortId, ...rest: unknown[]) => {
    ev("init", { self: SELF(), args: [client, ...rest] });
    node.mon(client);
    node.rcv(SELF()!, {
      echo: (to: PortId, ...message: unknown[]) => node.snd(to, ...message),
      quit: () => node.kil(SELF()!),
    });
  });
  node.register("::init_noport", (...args: unknown[]) => ev("init", { self: SELF(), args }));
  node.register("::init_die", () => {
    ev("init", { self: SELF() });
    throw new Error("init failed\n");
  });
  node.register("::init_rcv_die", () => {
    ev("init", { self: SELF() });
    node.rcv(SELF()!, () => undefined);
    throw new Error("init failed after rcv\n");
  });
  node.register("::plain", (...args: unknown[]) => ev("plain", { self: SELF() ?? null, args }));
}

function spawner(play: Play): void {
  const { node, ev, waitNode } = play;
  const steps: (() => void)[] = [];
  const next = stepper(play, steps);
  const me = node.port();
  const mon = (...reason: unknown[]): void => {
    ev("mon", { reason });
    next();
  };
  const step = (name: string, body: () => void): void => {
    steps.push(() => {
      ev("step", { name });
      body();
    });
  };
  waitNode("node_a", () =>
    node.after(0.3, () => {
      step("spawn ::init_echo, use it, quit", () => {
        const p = node.spawn("node_a", "::init_echo", me, 1, [2]);
        ev("spawned", { port: p });
        node.mon(p, mon);
        node.rcv(me, "hello", (...args) => {
          ev("reply", { args });
          node.snd(p, "quit");
        });
        node.snd(p, "echo", me, "hello", "world");
      });
      step("init function that never calls rcv", () => {
        node.mon(node.spawn("node_a", "::init_noport", "x"), mon);
      });
      step("init function dies before rcv", () => {
        node.mon(node.spawn("node_a", "::init_die"), mon);
      });
      step("init function dies after rcv", () => {
        node.mon(node.spawn("node_a", "::init_rcv_die"), mon);
      });
      step("snd_to_func", () => {
        node.sndToFunc("node_a", "::plain", 1, "two");
        node.after(0.2, next);
      });
      next();
    }));
}

function unknownSpawner(play: Play): void {
  const { node, ev, waitNode } = play;
  const steps: (() => void)[] = [];
  const next = stepper(play, steps);
  const spawn = (name: string): void => {
    const port = node.spawn("node_a", name, 1);
    ev("spawned", { port });
    node.mon(port, (...reason) => {
      ev("mon", { reason });
      next();
    });
  };
  waitNode("node_a", () =>
    node.after(0.3, () => {
      steps.push(() => spawn("No::Such::Module::func"));
      steps.push(() => spawn("::nosuchfunc"));
      steps.push(() => {
        node.sndToFunc("node_a", "No::Such::Thing", 1);
        node.after(0.2, next);
      });
      next();
    }));
}

function groupOwner({ node, global, ev, waitNode }: Play): void {
  const p1 = node.port(() => undefined);
  const p2 = node.port(() => undefined);
  global.groups.register("early", p1);
  let guard: { cancel(): void };
  waitNode("node_a", () =>
    node.after(0.5, () => {
      ev("reg");
      guard = global.groups.register("svc", p1);
      global.groups.register("svc", p2);
    }));
  node.after(5.5, () => {
    ev("unreg via guard");
    guard.cancel();
  });
  node.after(6, () => {
    ev("kil p2");
    node.kil(p2);
  });
  global.groups.monitor("svc", (ports, add, del) => ev("grp_mon", { ports, add, del }));
}

function groupWatcher({ node, global, ev }: Play): void {
  for (const group of ["svc", "early"]) {
    global.groups.monitor(group, (ports, add, del) => ev("grp_mon", { group, ports, add, del }));
  }
  const q = node.port(() => undefined);
  global.groups.register("svc", q);
  node.after(4.5, () => {
    ev("grp_get", { svc: global.groups.get("svc") });
    ev("up_nodes", { nodes: node.upNodes().sort() });
  });
}

function watcher({ node, global, ev, waitGroup }: Play): void {
  waitGroup("sink", (p) => {
    node.mon(p, (...reason) => ev("mon_port", { reason }));
    node.mon("node_a", (...reason) => ev("mon_node", { reason }));
    node.mon("node_a#nope", (...reason) => ev("mon_nx", { reason }));
    ev("monitoring");
    const tick = (): void => {
      ev("grp", { ports: global.groups.get("sink") ?? null });
      node.after(0.3, tick);
    };
    node.after(0.3, tick);
  });
}

function nodeRequests({ node, ev, waitNode }: Play): void {
  const me = node.port();
  node.rcv(me, (...msg) => ev("reply", { msg }));
  waitNode("node_a", () =>
    node.after(0.3, () => {
      node.snd("node_a", "snd", me, "relayed", 1);
      node.snd("node_a", "snd_multiple", [me, "m1"], [me, "m2", {}]);
      node.snd("node_a", "info", me, "i");
      node.snd("node_a", "known_nodes", me, "kn");
      node.snd("node_a", "up_nodes", me, "un");
      node.snd("node_a", "eval", '1 + 2, "x"', me, "ev");
      node.snd("node_a", "eval", 'die "boom\\n"', me, "ev2");
      node.snd("node_a", "eval", "$main::xyz = 1");
      node.snd("node_a", "time", me, "tm");
      node.snd("node_a", "devnull", 1, 2);
      node.snd("node_a", "");
      node.snd("node_a" as PortId);
      node.snd("node_a", "nosuchtag", 1);
      node.snd("node_a", "kil", "", "x");
      node.after(0.5, () => ev("done"));
    }));
}

function unreachable({ node, ev, waitNode }: Play): void {
  // Perl has the own id twice.
  const known = (): void => ev("known", { n: [node.id, ...node.knownNodes()].sort() });
  waitNode("node_a", () => {
    ev("start");
    node.snd("node_x#p", 1);
    node.mon("node_x#p", (...reason) => ev("mon", { reason }));
    node.mon("node_x", (...reason) => ev("mon_node", { reason }));
    known();
    node.after(2.5, () => {
      known();
      ev("done");
    });
  });
}

function again({ node, ev, waitGroup }: Play): void {
  let round = 0;
  const again = (): void =>
    waitGroup("sink", (p) => {
      round++;
      node.mon(p, (...reason) => {
        ev("mon_port", { round, reason });
        node.snd(p, "lost", round);
        node.after(0.2, again);
      });
      node.snd(p, "hello", round);
      ev("monitoring", { round });
    });
  again();
}

function sinkAndMonitor(play: Play): void {
  const { node, ev, waitNode } = play;
  sink(play);
  node.port(); // $me, which takes a name
  waitNode("node_b", () => node.mon("node_b", (...reason) => ev("mon_node_b", { reason })));
}

function monitorOf(id: NodeId): Program {
  return ({ node, ev, waitNode }) =>
    waitNode(id, () => node.mon(id, (...reason) => ev("mon", { reason })));
}

function hello({ node, ev, waitGroup }: Play): void {
  waitGroup("sink", (sink) => {
    const p = node.port(() => undefined);
    ev("own", { port: p, node: node.id });
    node.snd(sink, "hello", p);
    node.after(0.2, () => ev("done"));
  });
}

function allTypes({ node, ev, waitGroup }: Play): void {
  waitGroup("sink", (p) => {
    node.snd(p);
    node.snd(p, "tag");
    // deno-fmt-ignore
    node.snd(
      p, "int", 0, 1, -1, 127, 128, -128, -129, 255, 256, 65535, 65536, 2147483647, -2147483648,
      4294967295, 4294967296, 9007199254740991, Number("9007199254740993"),
      Number("9223372036854775807"), Number("-9223372036854775808"),
      Number("18446744073709551615"),
    );
    node.snd(p, "float", 1.5, -0.25, 1e100, 1e-7, 3.14159265358979, 0.1, 1e15, 1e21);
    node.snd(
      p,
      "str",
      "",
      "0",
      "123",
      "-4",
      "abc",
      'with "quotes" and \\ and / slash',
      "ctl \x00\x01\x07\x08\t\n\f\r\x1b\x1f\x7f end",
    );
    node.snd(
      p,
      "unicode",
      "\u00e9",
      "na\u00efve \u00fcber",
      "\u20ac",
      "\u65e5\u672c\u8a9e",
      "\u{1f600}\u{10ffff}",
      "\u2028\u2029\ufeff",
      "\xff\xfe raw latin1",
    );
    node.snd(p, "bytes", String.fromCharCode(...Array(256).keys()));
    node.snd(p, "null", undefined, [undefined], { n: undefined });
    node.snd(p, "bool", true, false);
    node.snd(p, "nested", [], {}, [[], [[]]], [1, [2, [3, [4, { a: [5, { b: 6 }] }]]]], {
      k: [1, 2, { x: "y" }],
    });
    node.snd(p, "hashkeys", { "": 1, "a b": 2, "\u20ac": 3, "\u00e9": 4, 'q"k': 5 });
    node.snd(p, "numstr", "42", "42", "7", "42", 42);
    node.snd(p, "long", "x".repeat(300), Array.from({ length: 20 }, (_, i) => (i + 1) ** 2));
    node.snd(p, "\u20actag", 1);
    node.after(0.3, () => ev("sent"));
  });
}

/** Two nodes that begin to connect to each other at the same moment. */
function crossing(other: NodeId, seed: number): Program {
  return ({ node, global, ev }) => {
    node.after(0.8438 - node.loop.now(), () => {
      global.seeds.start([{ transport: "tcp", host: "127.0.0.1", port: seed }]);
    });
    const me = node.port();
    node.rcv(me, (...m) => ev("msg", { m }));
    global.groups.register(`grp_${node.id}`, me);
    const watch = (): void =>
      void node.mon(other, (...reason) => {
        ev("mon", { reason });
        node.after(0.01, watch);
      });
    watch();
    let count = 0;
    const tick = (): void => {
      node.after(1, tick);
      for (const p of global.groups.get(`grp_${other}`) ?? []) {
        node.snd(p, "from", node.id, ++count);
      }
    };
    node.after(0.5, tick);
  };
}

/** Program of each node, by scenario. */
export const programs: Readonly<Record<string, Readonly<Record<string, Program>>>> = {
  "auth-mismatch": { A: nothing, B: nothing },
  "cal": { A: maker, B: cal },
  "cleartext": { A: sink },
  "connect-idle-json": { A: nothing, B: nothing },
  "connect-unknown-node": { A: nothing, B: unreachable },
  "cross-connect": { A: monitorOf("node_b"), B: monitorOf("node_a") },
  "cross-connect-latency": { A: crossing("node_b", 4202), B: crossing("node_a", 4201) },
  "defaults": { A: sink, B: hello },
  "grp-3nodes-json": { A: nothing, B: groupOwner, C: groupWatcher },
  "listenerless": { A: nothing, B: nothing },
  "mon-die-json": { A: maker, B: monDie },
  "mon-kil-json": { A: maker, B: monKil },
  "mon-nonexistent-json": {
    A: nothing,
    B: ({ node, ev, waitNode }) =>
      waitNode("node_a", () =>
        node.after(0.3, () =>
          node.mon("node_a#nosuchport", (...reason) => {
            ev("mon", { reason });
            ev("done");
          }))),
  },
  "node-killed-json": { A: sink, B: watcher },
  "node-port": { A: nothing, B: nodeRequests },
  "reconnect-json": { A: sinkAndMonitor, B: again },
  "self-connect": { A: nothing },
  "snd-types-json": { A: sink, B: allTypes },
  "spawn-json": { A: spawnInits, B: spawner },
  "spawn-unknown-json": { A: nothing, B: unknownSpawner },
};
