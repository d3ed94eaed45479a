/**
 * Starts some children and restarts those that end, each time after a longer delay. One works for ever,
 * one fails now and then, and one cannot work at all. Ends on SIGINT or SIGTERM, and then so do the
 * children.
 *
 * Run it:       deno run --allow-run=deno examples/child_supervisor.ts
 * Permissions:  run, for the children, which are programs of deno without permissions.
 * Prints:       steady: started
 *               flaky: started
 *               broken: started
 *               steady: says ready
 *               broken: exited with 1, again in 0.1 s
 *               broken: started
 *               flaky: says ready
 *               flaky: exited with 7, again in 0.1 s
 *               broken: exited with 1, again in 0.2 s
 *               …
 *               stopping
 *               steady: killed by a signal
 */
import {
  AE,
  type ClosedError,
  type CondVar,
  LineReader,
  runCmd,
  UsageError,
} from "@anyevent/loop";
import { type About, readOptions, refuse } from "./support/options.ts";
