import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { chooseAuth, isUsable, proofsEqual } from "../../../mp/wire/auth.ts";
import { authNamed, OUR_AUTHS, PERL_AUTHS } from "../../../mp/wire/mod.ts";
import { loadJson } from "../../golden/transcripts.ts";
import { utf8 } from "./recorder.ts";

interface AempVectors {
  aemp: Readonly<Record<string, string>>[];
}

const lines = (...all: string[]): Uint8Array =>
  utf8.encode(all.map((line) => line + "\n").join(""));

Deno.test("AuthMethod.prove() gives Perl's auth lines when given the recorded vectors", () => {
  const { aemp } = loadJson("vectors/hmac.json") as AempVectors;
  assert.equal(aemp.length, 4);
  for (const v of aemp) {
    const secret = new TextDecoder().decode(Uint8Array.fromHex(v.secret_hex));
    const local = [v.local_greeting1, v.local_greeting2];
    const remote = [v.remote_greeting1, v.remote_greeting2];
    const sent = lines(...local, ...remote);
    const expected = lines(...remote, ...local);
    for (const name of ["hmac_md6_64_256", "tls_md6_64_256"]) {
      const prove = (transcript: Uint8Array): string =>
        authNamed(name)!.prove({ transcript, secret, binding: undefined, framing: "json" });
      assert.equal(prove(sent), v[`${name}_sent`]);
      assert.equal(prove(expected), v[`${name}_expected`]);
    }
    const input = { transcript: sent, secret, binding: undefined, framing: "json" };
    assert.equal(authNamed("cleartext")!.prove(input), v.cleartext);
    assert.equal(authNamed("tls_anon")!.prove(input), "");
  }
});

Deno.test("tls_hmac_sha256 covers secret, transcript, channel and framing when it proves", () => {
  const binding = { clientFinished: Uint8Array.of(1, 2), serverFinished: Uint8Array.of(3) };
  const base = { transcript: lines("1", "2", "3", "4"), secret: "s", binding, framing: "json" };
  const { prove } = authNamed("tls_hmac_sha256")!;
  const key = createHash("sha256").update("aemp-1\ns").digest();
  const expected = createHmac("sha256", key).update("1\n2\n3\n4\n0102\n03\njson").digest("hex");
  assert.equal(prove(base), expected);
  const others = [
    { ...base, secret: "t" },
    { ...base, transcript: lines("3", "4", "1", "2") },
    { ...base, binding: { ...binding, serverFinished: Uint8Array.of(4) } },
    { ...base, binding: { ...binding, clientFinished: Uint8Array.of(1, 3) } },
    { ...base, framing: "jsonl" },
  ];
  assert.equal(new Set([base, ...others].map(prove)).size, 6);
});

Deno.test("AuthMethod.prove() throws UsageError when secret or channel is missing", () => {
  const input = { transcript: lines("x"), secret: undefined, binding: undefined, framing: "json" };
  for (const name of ["hmac_md6_64_256", "cleartext", "tls_hmac_sha256"]) {
    assert.throws(() => authNamed(name)!.prove(input), { name: "UsageError" });
  }
});

Deno.test("chooseAuth() takes the first of the peer's list that is offered and usable", () => {
  const peer = ["tls_md6_64_256", "tls_hmac_sha256", "hmac_md6_64_256", "tls_anon", "cleartext"];
  const all: readonly string[] = [...OUR_AUTHS, ...PERL_AUTHS];
  const name = (security: "none" | "xtls" | "tls", offer = all, hasSecret = true) =>
    chooseAuth(peer, offer, { security, hasSecret })?.name;
  assert.equal(name("none"), "hmac_md6_64_256");
  assert.equal(name("xtls"), "tls_hmac_sha256");
  assert.equal(name("tls"), "tls_md6_64_256");
  assert.equal(name("none", ["cleartext", "hmac_md6_64_256"]), "hmac_md6_64_256");
  assert.equal(name("none", ["cleartext"]), "cleartext");
  assert.equal(name("none", OUR_AUTHS), undefined);
  assert.equal(name("none", all, false), undefined);
  assert.equal(name("xtls", PERL_AUTHS), undefined);
  assert.equal(
    chooseAuth(["toString", ""], ["toString", ""], { security: "none", hasSecret: true }),
    undefined,
  );
});

Deno.test("isUsable() allows only tls_hmac_sha256 when the certificate is ephemeral", () => {
  const usable = (security: "none" | "xtls" | "tls"): string[] =>
    ["tls_hmac_sha256", "hmac_md6_64_256", "tls_md6_64_256", "tls_anon", "cleartext"]
      .filter((name) => isUsable(authNamed(name)!, security, true));
  assert.deepEqual(usable("xtls"), ["tls_hmac_sha256"]);
  assert.deepEqual(usable("tls"), ["tls_hmac_sha256", "tls_md6_64_256", "tls_anon"]);
  assert.deepEqual(usable("none"), ["hmac_md6_64_256", "cleartext"]);
});

Deno.test("proofsEqual() compares exactly when lengths and case differ", () => {
  assert.equal(proofsEqual("ab", "ab"), true);
  assert.equal(proofsEqual("ab", "AB"), false);
  assert.equal(proofsEqual("ab", "abc"), false);
  assert.equal(proofsEqual("", ""), true);
});
