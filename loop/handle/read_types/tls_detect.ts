import type { ReadBuffer } from "../read_buffer.ts";
import type { Match, Parse } from "./parse.ts";

const HANDSHAKE = 0x16;

/** Whether a TLS handshake begins here: `"accept"`, major and minor version, or `undefined`. */
export function tlsDetect(): Parse {
  return (buffer: ReadBuffer): Match | undefined => {
    const { bytes } = buffer;
    const no: Match = { values: [undefined], length: 0 };
    if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return no;
    if (bytes.length > 1 && (bytes[1] < 3 || bytes[1] > 4)) return no;
    // Records have at most 16 KiB and a little.
    if (bytes.length > 3 && bytes[3] > 0x40) return no;
    if (bytes.length < 4) return undefined;
    return { values: ["accept", bytes[1], bytes[2]], length: 0 };
  };
}
