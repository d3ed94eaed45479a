/**
 * A man in the middle: forwards the plain text of a handshake, terminates the encryption on both sides,
 * and forwards what is inside. He does everything but know the secret.
 */
import type { ByteStream, Net, TlsRole } from "@anyevent/backends/contract";
import type { Loop } from "@anyevent/loop";
import type { Mesh } from "./mesh.ts";

/** What {@linkcode interpose} did. */
export interface Relay {
  /** Connections of which both sides were decrypted. */
  readonly secured: number;
  /** Where it listens. */
  readonly port: number;
  /** Ends it. */
  close(): void;
}

function tcp(text: string): { transport: "tcp"; host: string; port: number } {
  const [host, port] = text.split(":");
  return { transport: "tcp", host, port: Number(port) };
}

/** Interposes on a network in memory. */
export function memoryPairSecured(mesh: Mesh, target: string, at: string): Relay {
  return interpose(mesh.loop, mesh.net, target, at);
}

/** Interposes between whoever connects to `at` and `target`. */
export function interpose(loop: Loop, net: Net, target: string, at: string): Relay {
  let secured = 0;
  const open = new Set<ByteStream>();
  const watchers = new Set<Disposable>();
  const listener = net.listen(tcp(at), (left) => {
    open.add(left);
    net.connect(tcp(target), (_error, right) => {
      if (right === undefined) return left.close();
      open.add(right);
      const nonces = ["", ""];
      const sides = [left, right];
      const ready: (() => void)[] = [];
      sides.forEach((from, i) => {
        const to = sides[1 - i];
        const watcher = loop.io({
          fh: from,
          poll: "r",
          cb: () => {
            // One byte at a time: nothing of the encrypted part may be read here.
            const byte = new Uint8Array(1);
            for (;;) {
              const count = from.tryRead(byte);
              if (count === 0) return;
              if (count === null) {
                watcher.cancel();
                to.shutdown();
                return;
              }
              nonces[i] += String.fromCharCode(byte[0]);
              to.tryWrite(byte);
              if (nonces[i].split("\n").length === 3) break;
            }
            watcher.cancel();
            ready.push(() => undefined);
            if (ready.length === 2) upgrade();
          },
        });
      });

      const upgrade = (): void => {
        const [mine, theirs] = nonces.map((text) => text.split("\n")[1]);
        // The side with the lower nonce is the TLS client; we are the opposite on each side.
        const leftRole: TlsRole = mine < theirs ? "server" : "client";
        const rightRole: TlsRole = leftRole === "server" ? "client" : "server";
        const inner: ByteStream[] = [];
        const take = (i: number) => (_error: unknown, done: { stream: ByteStream } | undefined) => {
          if (done === undefined) return;
          open.add(done.stream);
          inner[i] = done.stream;
          if (inner[0] !== undefined && inner[1] !== undefined) {
            secured++;
            watchers.add(forward(loop, inner[0], inner[1]));
            watchers.add(forward(loop, inner[1], inner[0]));
          }
        };
        net.secure(left, leftRole, {}, take(0));
        net.secure(right, rightRole, {}, take(1));
      };
    });
  });
  return {
    get secured() {
      return secured;
    },
    port: listener.address.transport === "tcp" ? listener.address.port : 0,
    close: () => {
      listener.close();
      for (const watcher of watchers) watcher[Symbol.dispose]();
      for (const stream of open) stream.close();
    },
  };
}

function forward(loop: Loop, from: ByteStream, to: ByteStream): Disposable {
  const buffer = new Uint8Array(4096);
  const watcher = loop.io({
    fh: from,
    poll: "r",
    cb: () => {
      try {
        const count = from.tryRead(buffer);
        if (count === null) {
          watcher.cancel();
          to.close();
          from.close();
        } else if (count > 0) to.tryWrite(buffer.subarray(0, count));
      } catch {
        watcher.cancel();
        to.close();
      }
    },
  });
  return watcher;
}
