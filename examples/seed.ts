/**
 * A node whose only purpose is to let others into the mesh.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/seed.ts
 * Permissions:  net, to listen on 127.0.0.1:4040 and to connect to the other nodes there.
 * Prints:       seed listens on 127.0.0.1:4040
 *
 * With a secret in the environment (ANYEVENT_MP_SECRET, the same for all, and
 * --allow-env=ANYEVENT_MP_SECRET) every link is authenticated and encrypted.
 */
import "@anyevent/global";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "seed.ts",
  does: "A node that lets others into the mesh.",
  permissions: "--allow-net=127.0.0.1",
  node: { node: "seed", bind: "127.0.0.1:4040" },
});

await program.start();
