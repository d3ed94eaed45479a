import { BadMessage, BinaryView, decodeText, expression, type Parse } from "./parse.ts";

/** All up to the end of what `accept` matches; never what `reject` matches; `skip` is passed over. */
export function regex(acceptGiven: unknown, rejectGiven?: unknown, skipGiven?: unknown): Parse {
  const accept = expression(acceptGiven, "read regex: accept");
  const reject = rejectGiven === undefined
    ? undefined
    : expression(rejectGiven, "read regex: reject");
  const skip = skipGiven === undefined ? undefined : expression(skipGiven, "read regex: skip");
  const view = new BinaryView();
  return (buffer) => {
    const text = view.of(buffer);
    const found = accept.exec(text);
    if (found !== null) {
      const length = view.passed + found.index + found[0].length;
      const bytes = buffer.slice(0, length);
      return { values: [decodeText(bytes), bytes], length };
    }
    if (reject?.test(text)) throw new BadMessage("what came is rejected");
    const passed = skip?.exec(text);
    if (passed) view.pass(passed.index + passed[0].length);
    return undefined;
  };
}
