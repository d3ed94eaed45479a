import type { Transferable as NodeTransferable, Worker } from "node:worker_threads";
import { PeerError, UsageError } from "../../contract/errors.ts";
import type { HostWorker, WorkerEvents, Workers } from "../../contract/workers.ts";
import { isRefused, nodeModule } from "./node_modules.ts";

/** What a program finds defined. */
const PRELUDE = `import { parentPort } from "node:worker_threads";
const host = {
  post: (message, transfer) => parentPort.postMessage(message, transfer),
  receive: (callback) => void parentPort.on("message", callback),
};
`;

function start(program: string, events: WorkerEvents): HostWorker {
  const { Worker } = nodeModule("node:worker_threads");
  const url = new URL(`data:text/javascript,${encodeURIComponent(PRELUDE + program)}`);
  let worker: Worker;
  try {
    worker = new Worker(url);
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    throw new UsageError(`Cannot start worker: ${(thrown as Error).message}`, { cause: thrown });
  }
  let live = true;
  const end = (error: Error): void => {
    if (!live) return;
    live = false;
    events.ended(error);
  };
  worker.on("message", (data) => {
    if (live) events.message(data);
  });
  worker.on("messageerror", (cause) => {
    end(
      new PeerError("Cannot go on with worker: what it posted cannot be read", "EBADMSG", {
        cause,
      }),
    );
    void worker.terminate();
  });
  worker.on("error", (cause) => {
    end(new PeerError(`Cannot go on with worker: ${messageFrom(cause)}`, "", { cause }));
  });
  worker.on("exit", (code) => {
    end(new PeerError(`Cannot go on with worker: it ended with code ${code}`, "ESRCH"));
  });
  worker.unref();
  return {
    post: (message, transfer) =>
      worker.postMessage(message, transfer as unknown as readonly NodeTransferable[]),
    terminate(): void {
      live = false;
      void worker.terminate();
    },
  };
}

function messageFrom(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Workers by `node:worker_threads`, which Deno has, too. */
export const nodeWorkers: Workers = {
  get parallelism(): number {
    const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
    return navigator?.hardwareConcurrency ?? nodeModule("node:os").availableParallelism();
  },
  start,
};
