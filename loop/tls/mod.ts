export {
  type PeernameScheme,
  type PeernameSchemeName,
  type PeernameTuple,
  verifyHostname,
  type WildcardRule,
} from "./hostname.ts";
export type { CertPassword, TLSConfig, VerifyPeername } from "./config.ts";
export { TLS } from "./tls.ts";
