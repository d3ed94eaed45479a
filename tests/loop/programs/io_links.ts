/** Makes and follows symbolic links, on the backend that is named. */
import { AnyEvent, IO } from "@anyevent/loop";

AnyEvent.use(Deno.args[0]);
await Deno.mkdir("tests/.tmp", { recursive: true });
const folder = await Deno.makeTempDir({ dir: "tests/.tmp", prefix: "links_" });
try {
  await Deno.writeTextFile(`${folder}/b`, "hello");
  await IO.symlink("b", `${folder}/s`);
  const link = `${folder}/s`;
  console.log(
    await IO.readlink(link),
    (await IO.lstat(link)).kind,
    (await IO.stat(link)).kind,
    new TextDecoder().decode(await IO.load(link)),
  );
  await IO.unlink(`${folder}/b`);
  const codeOf = async (path: string): Promise<unknown> => {
    try {
      return await IO.stat(path);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  console.log(await codeOf(link));
  await IO.symlink("l", `${folder}/l`);
  console.log(await codeOf(`${folder}/l`));
} finally {
  await Deno.remove(folder, { recursive: true });
}
