export type { HandleError } from "./errors.ts";
export { Handle, type OtherType, type ReadCallback } from "./handle.ts";
export { type BytesCodec, loadMsgpack } from "./msgpack_codec.ts";
export type {
  HandleConnectCallback,
  HandleConnectErrorCallback,
  HandleErrorCallback,
  HandleEventCallback,
  HandleOptions,
} from "./options.ts";
export type { JsonCodec } from "./read_types/json.ts";
export type { StarttlsCallback, TlsContext, TlsMode } from "./tls.ts";
export type { RawReader, ReadTypeMaker, ReadTypes, WriteTypeMaker, WriteTypes } from "./types.ts";
