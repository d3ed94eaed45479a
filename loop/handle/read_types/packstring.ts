import { packFormat } from "../pack_format.ts";
import { BadMessage, type Parse } from "./parse.ts";

/** A length as `pack` writes it, then so many bytes. */
export function packstring(format: unknown): Parse {
  const { read } = packFormat(format);
  return (buffer) => {
    const { bytes } = buffer;
    const length = read(bytes);
    if (length === null) throw new BadMessage("a packstring cannot have such a length");
    if (length === undefined) return undefined;
    const end = length.size + length.value;
    if (bytes.length < end) return undefined;
    return { values: [bytes.slice(length.size, end)], length: end };
  };
}
