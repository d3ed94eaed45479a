/** Reading certificates of strangers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { nativeEnv } from "@anyevent/backends/native";
import type { Secured } from "@anyevent/backends/contract";
import { AUTHORITY, SERVER } from "../../backends/conformance/certificates.ts";
import { certificateFacts, pemBytes, toPem } from "../../backends/driven/certificate.ts";
import { generate } from "npm:selfsigned@5.5.0";

Deno.test("certificateFacts() reads names, issuer and times", () => {
  const server = certificateFacts(pemBytes(SERVER.cert)!)!;
  const authority = certificateFacts(pemBytes(AUTHORITY)!)!;
  assert.deepEqual(server.issuer, authority.subject);
  assert.equal(authority.names.commonName, "Conformance CA");
  assert.deepEqual(authority.names.altNames, []);
  assert.equal(server.notBefore, Date.UTC(1970, 0, 2) / 1000);
  assert.equal(server.notAfter, Date.UTC(2120, 0, 1) / 1000);
  assert.equal(toPem(pemBytes(SERVER.cert)!), SERVER.cert);
});

Deno.test("certificateFacts() gives nothing or something for any bytes, and never throws", () => {
  const der = pemBytes(SERVER.cert)!;
  for (let length = 0; length < der.length; length++) {
    // What follows the names is not looked at.
    certificateFacts(der.slice(0, length));
  }
  assert.equal(certificateFacts(der.slice(0, 100)), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void certificateFacts(bytes)),
  );
  const changes = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { maxLength: 6 });
  fc.assert(fc.property(changes, (changed) => {
    const bytes = der.slice();
    for (const [at, byte] of changed) bytes[at] = byte;
    certificateFacts(bytes);
  }));
});

Deno.test("a comma in a name of a certificate does not make two names of it", async () => {
  const value = "good.test, DNS:evil.test";
  const made = await generate([{ name: "commonName", value: "x" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value }] }],
  });
  const { backend, net } = nativeEnv();
  backend.hold(true);
  const secured = await new Promise<Secured>((resolve, reject) => {
    const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
      net.secure(stream, "server", { key: made.private, cert: made.cert }, (_error, end) => {
        end?.stream.close();
        listener.close();
      });
    });
    net.connect(listener.address, (_error, stream) => {
      net.secure(stream!, "client", { ca: made.cert }, (error, end) => {
        if (end === undefined) reject(error);
        else resolve(end);
      });
    });
  });
  secured.stream.close();
  backend.hold(false);
  assert.deepEqual(secured.peerNames.altNames, [{ type: "dns", value }]);
});
