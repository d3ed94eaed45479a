/**
 * The AEMP wire protocol, version 1, without I/O: greetings, authentication, framings, sessions.
 *
 * @module
 */
export {
  type AuthMethod,
  authNamed,
  type ChannelBinding,
  OUR_AUTHS,
  PERL_AUTHS,
  type ProofInput,
  type Security,
  TLS_HMAC_SHA256,
} from "./auth.ts";
export { type FrameDecoder, type Framing, MAX_DEPTH, MAX_FRAME_BYTES } from "./framing.ts";
export { type Codec, codecFraming } from "./framing_codec.ts";
export { jsonFraming } from "./framing_json.ts";
export { jsonlFraming } from "./framing_jsonl.ts";
export {
  framingNamed,
  type FramingRegistration,
  OUR_FRAMINGS,
  PERL_FRAMINGS,
  registerFraming,
} from "./framing_registry.ts";
export {
  formatGreeting,
  type Greeting,
  type GreetingFields,
  isVersionOne,
  MAX_GREETING_BYTES,
  parseGreeting,
  PROTOCOL_VERSION,
} from "./greeting.ts";
export { hmacMd6 } from "./hmac_md6.ts";
export { md6 } from "./md6.ts";
export { AUTH_FAILURE, SELF_CONNECT, Session } from "./session.ts";
export type {
  PeerInfo,
  SessionHandler,
  SessionOptions,
  SessionState,
  Verdict,
} from "./session_types.ts";
