import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ClosedError, PeerError, UsageError } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { pureEnv } from "@anyevent/backends/pure";
import { async } from "@anyevent/coro";
import { type FileHandle, IO, ioOf, Loop, sleep } from "@anyevent/loop";
import { runDeno } from "../support/run_deno.ts";
import { names, on } from "./io_support.ts";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const failsWith = (code: string) => (error: unknown): boolean =>
  error instanceof PeerError && error.code === code && error.message.startsWith("Cannot ");

for (const name of names) {
  const test = (what: string, body: Parameters<typeof on>[1]): void =>
    Deno.test(`${what} (${name})`, () => on(name, body));

  test("IO writes, seeks, reads and closes in order", async ({ io, folder }) => {
    const path = `${folder}/a`;
    const fh = await io.open(path, io.O_RDWR | io.O_CREAT, 0o600);
    assert.equal(fh.path, path);
    assert.equal(await io.write(fh, "hello world"), 11);
    assert.equal(await io.seek(fh, 0, 0), 0);
    assert.equal(text(await io.read(fh, 5)), "hello");
    assert.equal(await io.seek(fh, 1, 1), 6);
    assert.equal(text(await io.read(fh, 100)), "world");
    assert.equal((await io.read(fh, 100)).length, 0);
    assert.equal(await io.seek(fh, -5, 2), 6);
    assert.equal(await io.write(fh, Uint8Array.of(87)), 1);
    assert.equal(await io.truncate(fh, 8), true);
    const { kind, size, mode } = await io.stat(fh);
    assert.deepEqual([kind, size, mode & 0o777], ["file", 8, 0o600]);
    assert.equal(await io.close(fh), true);
    assert.equal(text(await io.load(path)), "hello Wo");
  });

  test("what is begun at once on one file is done in order", async ({ io, loop, folder }) => {
    const path = `${folder}/order`;
    const fh = await io.open(path, io.O_RDWR | io.O_CREAT);
    const seen: unknown[] = [];
    const done = loop.condvar();
    for (const letter of "abc") io.write(fh, letter, (count) => void seen.push(count));
    io.seek(fh, 1, 0, (at) => void seen.push(at));
    io.read(fh, 10, (bytes) => void seen.push(text(bytes)));
    io.close(fh, (value, error) => {
      seen.push(value, error);
      done.send();
    });
    assert.deepEqual(seen, []);
    assert.equal(fh.closed, true);
    await done.recv();
    assert.deepEqual(seen, [1, 1, 1, 1, "bc", true, undefined]);
  });

  test("callbacks get undefined and the error; the code is the system's", async (place) => {
    const { io, loop, folder } = place;
    const cv = loop.condvar<[unknown, Error | undefined]>();
    const request = io.load(`${folder}/none`, cv);
    assert.equal(request.active, true);
    assert.equal(loop.stats().held, 1);
    const [value, error] = await cv.recvAll();
    assert.equal(value, undefined);
    assert(failsWith("ENOENT")(error));
    assert.equal(request.active, false);
  });

  test("names: mkdir, readdir, link, symlink, readlink, rename, unlink, rmdir", async (place) => {
    const { io, folder } = place;
    assert.equal(await io.mkdir(`${folder}/d`), true);
    await assert.rejects(async () => await io.mkdir(`${folder}/d`), failsWith("EEXIST"));
    await io.close(await io.open(`${folder}/d/x`, io.O_WRONLY | io.O_CREAT | io.O_EXCL));
    await assert.rejects(
      async () => await io.open(`${folder}/d/x`, io.O_WRONLY | io.O_CREAT | io.O_EXCL),
      failsWith("EEXIST"),
    );
    await io.link(`${folder}/d/x`, `${folder}/d/y`);
    assert.equal((await io.stat(`${folder}/d/x`)).nlink, 2);
    const links = name === "sim" ? ["s"] : [];
    if (name === "sim") {
      await io.symlink("x", `${folder}/d/s`);
      assert.equal(await io.readlink(`${folder}/d/s`), "x");
      assert.equal((await io.stat(`${folder}/d/s`)).kind, "file");
      assert.equal((await io.lstat(`${folder}/d/s`)).kind, "symlink");
    } else {
      // Deno allows it only to those who may write everywhere: see the test in a process of its own.
      await assert.rejects(async () => await io.symlink("x", `${folder}/d/s`), UsageError);
    }
    await assert.rejects(async () => await io.readlink(`${folder}/d/x`), failsWith("EINVAL"));
    await io.rename(`${folder}/d/y`, `${folder}/d/z`);
    assert.deepEqual([...await io.readdir(`${folder}/d`)].sort(), [...links, "x", "z"]);
    await assert.rejects(async () => await io.rmdir(`${folder}/d`), failsWith("ENOTEMPTY"));
    await assert.rejects(async () => await io.unlink(`${folder}/d`), failsWith("EISDIR"));
    await assert.rejects(async () => await io.rmdir(`${folder}/d/x`), failsWith("ENOTDIR"));
    await assert.rejects(async () => await io.readdir(`${folder}/d/x`), failsWith("ENOTDIR"));
    for (const each of [...links, "x", "z"]) await io.unlink(`${folder}/d/${each}`);
    assert.equal(await io.rmdir(`${folder}/d`), true);
  });

  test("facts: utime, chmod, chown on paths and open files", async ({ io, folder }) => {
    const path = `${folder}/facts`;
    using fh = await io.open(path, io.O_RDWR | io.O_CREAT);
    for (const file of [path, fh]) {
      await io.utime(file, 1000, 2000.5);
      const { atime, mtime, uid, gid } = await io.stat(file);
      assert.deepEqual([atime, mtime], [1000, 2000.5]);
      await io.utime(file, undefined, undefined);
      assert((await io.stat(file)).mtime > 900_000_000);
      await io.chmod(file, 0o640);
      assert.equal((await io.stat(file)).mode & 0o7777, 0o640);
      await io.chown(file, undefined, undefined);
      await io.chown(file, uid, undefined);
      const after = await io.stat(file);
      assert.deepEqual([after.uid, after.gid], [uid, gid]);
      await io.truncate(file, 3);
      assert.equal((await io.stat(file)).size, 3);
    }
    await io.close(fh);
  });

  test("O_APPEND writes at the end, also with O_TRUNC; reading moves on its own", async (place) => {
    const { io, folder } = place;
    const path = `${folder}/log`;
    const first = await io.open(path, io.O_WRONLY | io.O_CREAT | io.O_APPEND);
    const second = await io.open(path, io.O_RDWR | io.O_APPEND);
    await io.write(first, "one ");
    await io.write(second, "two ");
    await io.write(first, "three");
    await io.seek(second, 0, 0);
    assert.equal(text(await io.read(second, 100)), "one two three");
    const third = await io.open(path, io.O_WRONLY | io.O_APPEND | io.O_TRUNC);
    await io.write(third, "new");
    assert.equal(text(await io.load(path)), "new");
    for (const fh of [first, second, third]) await io.close(fh);
  });

  test("a file is used only as it was opened", async ({ io, folder }) => {
    const path = `${folder}/ro`;
    const writer = await io.open(path, io.O_WRONLY | io.O_CREAT);
    await assert.rejects(async () => await io.read(writer, 1), failsWith("EBADF"));
    const reader = await io.open(path);
    await assert.rejects(async () => await io.write(reader, "x"), failsWith("EBADF"));
    await assert.rejects(async () => await io.seek(reader, -1, 0), failsWith("EINVAL"));
    await io.close(writer);
    await io.close(reader);
    await assert.rejects(async () => await io.read(reader, 1), ClosedError);
    await assert.rejects(async () => await io.close(reader), ClosedError);
    reader.close();
  });

  test("a cancelled request tells nobody; what waits is not done", async (place) => {
    const { io, loop, folder } = place;
    const path = `${folder}/cancel`;
    const fh = await io.open(path, io.O_RDWR | io.O_CREAT);
    const fail = (): void => assert.fail("called");
    io.write(fh, "kept");
    io.write(fh, "first", fail).cancel();
    io.write(fh, "second", () => undefined);
    const third = io.write(fh, "third", fail);
    third.cancel();
    third.cancel();
    await io.close(fh);
    // The one that the host had begun may have been done.
    assert.match(text(await io.load(path)), /^(first)?second$/);
    io.open(path, io.O_RDONLY, 0, fail).cancel();
    io.load(path, fail).cancel();
    assert.equal(loop.stats().held, 0);
    // A file opened for nobody is closed again.
    while (io.stats().open + io.stats().requests > 0) await loop.sleep(0.001);
  });

  test("disposing of the loop fails operations, silences callbacks and closes files", async (place) => {
    const { env, folder } = place;
    const loop = new Loop(env);
    const io = ioOf(loop);
    const fh = await io.open(`${folder}/gone`, io.O_RDWR | io.O_CREAT);
    io.write(fh, "x", () => assert.fail("called"));
    const waiting = assert.rejects(async () => await io.load(`${folder}/gone`), ClosedError);
    await Promise.resolve();
    loop.dispose();
    await waiting;
    assert.throws(() => io.load(`${folder}/gone`, () => undefined), ClosedError);
    assert.equal(fh.closed, true);
    while (io.stats().open + io.stats().requests > 0) await place.loop.sleep(0.001);
  });

  test("a callback that throws is reported, and others are called", async ({ io, loop, folder }) => {
    const errors: unknown[] = [];
    loop.onCallbackError = (error, what) => void errors.push(error, what.describe());
    const cv = loop.condvar();
    const oops = new Error("oops");
    io.mkdir(`${folder}/a`, 0o700, () => {
      throw oops;
    });
    io.mkdir(`${folder}/b`, 0o700, () => {
      io.readdir(folder, () => cv.send());
    });
    await cv.recv();
    assert.deepEqual(errors, [oops, `IO.mkdir(${JSON.stringify(`${folder}/a`)})`]);
  });

  test("a megabyte is read back as it was written, in parts of any size", async ({ io, folder }) => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * 7) & 255);
    const fh = await io.open(`${folder}/big`, io.O_RDWR | io.O_CREAT);
    assert.equal(await io.write(fh, bytes), bytes.length);
    await io.seek(fh, 0, 0);
    const parts: Uint8Array[] = [];
    for (;;) {
      const part = await io.read(fh, 2 ** 31 - 1);
      if (part.length === 0) break;
      parts.push(part);
    }
    await io.close(fh);
    assert.equal(Buffer.compare(Buffer.concat(parts), bytes), 0);
  });
}

Deno.test("IO refuses bad arguments by name and value", async () => {
  const fh = {} as FileHandle;
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => IO.load(""), /Cannot load file: path "" is not a path/],
    [() => IO.load(7 as never), /path 7/],
    [() => IO.load("a\0b"), /has a NUL/],
    [() => IO.load("x", 5 as never), /callback 5/],
    [() => IO.open("x", 3), /flags 3/],
    [() => IO.open("x", 4096), /flags 4096/],
    [() => IO.open("x", 0, -1), /mode -1/],
    [() => IO.read(fh, 1), /fh object Object is no file/],
    [() => IO.read(fh, -1), /length -1/],
    [() => IO.write(fh, 5 as never), /data 5/],
    [() => IO.seek(fh, 0.5, 0), /offset 0.5/],
    [() => IO.seek(fh, 0, 3 as never), /whence 3/],
    [() => IO.truncate("x", NaN), /length NaN/],
    [() => IO.stat(undefined as never), /file undefined is neither/],
    [() => IO.utime("x", Infinity, 0), /atime Infinity/],
    [() => IO.chown("x", undefined, -1), /gid -1/],
    [() => IO.chmod("x", 0o10000), /mode 4096/],
    [() => IO.symlink("", "x"), /target ""/],
    [() => IO.rename("x", ""), /new path ""/],
  ];
  for (const [call, message] of bad) {
    assert.throws(call, (error) => error instanceof UsageError && message.test(error.message));
  }
  const bare = ioOf(new Loop(pureEnv()));
  assert.equal(bare.MODEL, undefined);
  assert.throws(() => bare.load("x"), /Cannot run IO.load\("x"\): backend pure has no files here/);
  assert.equal(IO.MODEL, "Deno");
  await Promise.resolve();
});

Deno.test("IO says which permission is missing", { permissions: { read: false } }, async () => {
  const loop = new Loop(nativeEnv());
  await assert.rejects(
    async () => await ioOf(loop).load("deno.json"),
    (error) =>
      error instanceof UsageError && /Cannot load deno.json: .*--allow-read/.test(error.message),
  );
  loop.dispose();
});

Deno.test("IO waits in a thread, whose cancel ends the wait", () =>
  on("native", async ({ io, folder }) => {
    const seen: unknown[] = [];
    const thread = async(function* () {
      yield* io.mkdir(`${folder}/t`);
      const fh = yield* io.open(`${folder}/t/f`, io.O_RDWR | io.O_CREAT);
      seen.push(yield* io.write(fh, "abc"));
      yield* io.close(fh);
      return text(yield* io.load(`${folder}/t/f`));
    });
    assert.deepEqual(await thread.join(), ["abc"]);
    assert.deepEqual(seen, [3]);
    const other = async(function* () {
      yield* io.open(`${folder}/t/f`);
      assert.fail("resumed");
    });
    await io.stat(folder);
    other.cancel();
    while (io.stats().open + io.stats().requests > 0) await sleep(0.001);
  }));

Deno.test("IO makes symbolic links where all may be written", async () => {
  for (const backend of ["native", "pure"]) {
    const allow = ["--allow-read", "--allow-write", `--allow-env`];
    const { code, out, err } = await runDeno("tests/loop/programs/io_links.ts", [backend], {
      allow,
    });
    assert.equal(code, 0, err);
    assert.equal(out, "b symlink file hello\nENOENT\nELOOP\n");
  }
});
