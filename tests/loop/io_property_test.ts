import assert from "node:assert/strict";
import fc from "fast-check";
import { PeerError } from "@anyevent/backends/contract";
import type { FileHandle, FileIO } from "@anyevent/loop";
import { on } from "./io_support.ts";

/** One step; handles are numbered. */
type Step =
  | { readonly do: "open"; readonly path: string; readonly flags: number }
  | { readonly do: "read" | "truncate"; readonly fh: number; readonly length: number }
  | { readonly do: "write"; readonly fh: number; readonly data: string }
  | {
    readonly do: "seek";
    readonly fh: number;
    readonly offset: number;
    readonly whence: 0 | 1 | 2;
  }
  | { readonly do: "close" | "size"; readonly fh: number }
  | { readonly do: "rename" | "link"; readonly path: string; readonly to: string }
  | {
    readonly do: "load" | "unlink" | "mkdir" | "rmdir" | "readdir" | "kind" | "cut";
    readonly path: string;
  };

const path = fc.constantFrom(
  "a",
  "b",
  "d",
  "e",
  "d/a",
  "d/b",
  "d/e",
  "e/a",
  "a/b",
  "./d",
);
const fh = fc.nat(2);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant("open" as const),
      path,
      flags: fc.constantFrom(0, 1, 2, 65, 66, 66, 193, 577, 1089, 1090, 1601, 513),
    }),
    fc.record({
      do: fc.constantFrom("read" as const, "truncate" as const),
      fh,
      length: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ do: fc.constant("write" as const), fh, data: fc.string({ maxLength: 5 }) }),
    fc.record({
      do: fc.constant("seek" as const),
      fh,
      offset: fc.integer({ min: -4, max: 9 }),
      whence: fc.constantFrom(0 as const, 1 as const, 2 as const),
    }),
    fc.record({ do: fc.constantFrom("close" as const, "size" as const), fh }),
    fc.record({ do: fc.constantFrom("rename" as const, "link" as const), path, to: path }),
    fc.record({
      do: fc.constantFrom(
        "load" as const,
        "unlink" as const,
        "mkdir" as const,
        "mkdir" as const,
        "rmdir" as const,
        "readdir" as const,
        "kind" as const,
        "cut" as const,
      ),
      path,
    }),
  ),
  { maxLength: 40 },
);

const decoder = new TextDecoder();

/** What all steps came to. */
async function run(io: FileIO, folder: string, all: readonly Step[]): Promise<string[]> {
  await io.mkdir(folder);
  const open: (FileHandle | undefined)[] = [];
  let next = 0;
  const one = async (step: Step): Promise<unknown> => {
    const at = (name: string): string => `${folder}/${name}`;
    if ("fh" in step) {
      const file = open[step.fh];
      if (file === undefined) return "no file";
      switch (step.do) {
        case "read":
          return decoder.decode(await io.read(file, step.length));
        case "truncate":
          return await io.truncate(file, step.length);
        case "write":
          return await io.write(file, step.data);
        case "seek":
          return await io.seek(file, step.offset, step.whence);
        case "size": {
          const { kind, size, nlink } = await io.stat(file);
          return kind === "directory" ? kind : [kind, size, nlink];
        }
        case "close":
          open[step.fh] = undefined;
          return await io.close(file);
      }
    }
    switch (step.do) {
      case "open": {
        const slot = next++ % 3;
        const file = await io.open(at(step.path), step.flags);
        open[slot]?.close();
        open[slot] = file;
        return slot;
      }
      case "rename":
        return await io.rename(at(step.path), at(step.to));
      case "link":
        return await io.link(at(step.path), at(step.to));
      case "load":
        return decoder.decode(await io.load(at(step.path)));
      case "unlink":
        return await io.unlink(at(step.path));
      case "mkdir":
        return await io.mkdir(at(step.path));
      case "rmdir":
        return await io.rmdir(at(step.path));
      case "readdir":
        return [...await io.readdir(at(step.path))].sort();
      case "cut":
        return await io.truncate(at(step.path), 3);
      case "kind": {
        const { kind, size } = await io.lstat(at(step.path));
        return kind === "directory" ? kind : [kind, size];
      }
    }
  };
  const seen: string[] = [];
  for (const step of all) {
    let outcome: unknown;
    try {
      outcome = await one(step);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      outcome = error.code;
    }
    seen.push(`${JSON.stringify(step)} → ${JSON.stringify(outcome)}`);
  }
  for (const file of open) if (file !== undefined && !file.closed) await io.close(file);
  return seen;
}

Deno.test("any sequence of IO does on disk what it does in memory", async () => {
  await on("native", (disk) =>
    on("sim", async (memory) => {
      let round = 0;
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          round++;
          const real = await run(disk.io, `${disk.folder}/${round}`, all);
          const model = await run(memory.io, `${memory.folder}/${round}`, all);
          assert.deepEqual(model, real);
        }),
        { numRuns: 150 },
      );
    }));
});
