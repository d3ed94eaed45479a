/** A private key and its certificate, in PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

let made: Promise<KeyAndCertificate> | undefined;

/**
 * A self-signed P-256 certificate, made once in a process and never stored.
 *
 * It proves nothing: whoever uses it has to authenticate the handshake by its channel binding.
 */
export function ephemeralCertificate(): Promise<KeyAndCertificate> {
  return made ??= make();
}

async function make(): Promise<KeyAndCertificate> {
  // Loaded here because it takes a tenth of a second, which nobody without TLS should pay.
  const { generate } = await import("selfsigned");
  const pem = await generate([{ name: "commonName", value: "anyevent" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
  });
  return { key: pem.private, cert: pem.cert };
}
