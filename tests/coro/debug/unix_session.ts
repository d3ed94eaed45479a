/** Sessions on a Unix socket: `unix_session.ts PATH`. A process of its own, as it needs more permissions. */
import { severalClients } from "./scenario.ts";
import { withSessions } from "./support.ts";

await withSessions(async (world) => {
  using shell = world.debug.unixServer(Deno.args[0]);
  await severalClients(world, shell);
});
console.log("done");
