/** Why a seed did not let us in. */
export type SeedFailure =
  /** Nobody there, or the network: goes by itself. */
  | "absent"
  /** There is a connection with that node already, or about to be. */
  | "duplicate"
  /** The secrets or methods of authentication differ. */
  | "authentication"
  /** Probably that, but a duplicate looks the same. */
  | "unproven"
  /** It is a node with our id. */
  | "self"
  /** It does not speak our protocol, or our settings do not allow it. */
  | "incompatible";

const KINDS: readonly (readonly [RegExp, SeedFailure])[] = [
  [/refuse to talk to myself/, "self"],
  [/already connected|another connection with|superseded by/, "duplicate"],
  [/^closed during authentication/, "unproven"],
  [/shared secret mismatch|^auth method|auth method$|echo attack/, "authentication"],
  [/no common auth|unparsable authentication/, "authentication"],
  [/^version mismatch|^unsupported protocol|^unusable |^no common framing/, "incompatible"],
  [/certificate/i, "incompatible"],
];

/**
 * What kind of failure a reason stands for.
 *
 * @param reason why an attempt or a handshake ended
 */
export function seedFailure(reason: string): SeedFailure {
  return KINDS.find(([pattern]) => pattern.test(reason))?.[1] ?? "absent";
}
