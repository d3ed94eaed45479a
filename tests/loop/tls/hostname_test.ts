/** The names of certificates against the names of peers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type AltName, type PeernameTuple, UsageError, verifyHostname } from "@anyevent/loop";

function dns(...values: string[]): AltName[] {
  return values.map((value) => ({ type: "dns", value }));
}

/** Alternative names, common name, host, scheme, outcome. */
const TABLE: readonly [
  AltName[],
  string | undefined,
  string,
  Parameters<typeof verifyHostname>[3],
  boolean,
][] = [
  // Plain names, in any case, with or without the root's dot.
  [dns("example.org"), undefined, "example.org", "http", true],
  [dns("Example.ORG"), undefined, "eXAMPLE.org.", "smtp", true],
  [dns("example.org"), undefined, "example.com", "http", false],
  [dns("example.org"), undefined, "www.example.org", "http", false],
  [dns("www.example.org"), undefined, "example.org", "http", false],
  [dns("a.org", "b.org"), undefined, "b.org", "ldap", true],
  [dns("localhost"), undefined, "localhost", "http", true],
  [[], undefined, "example.org", "http", false],
  // Wildcards of one label: ldap and http have them, smtp has not.
  [dns("*.example.org"), undefined, "www.example.org", "http", true],
  [dns("*.example.org"), undefined, "www.example.org", "ldaps", true],
  [dns("*.example.org"), undefined, "www.example.org", "smtp", false],
  [dns("*.example.org"), undefined, "*.example.org", "smtp", true],
  [dns("*.example.org"), undefined, "a.b.example.org", "http", false],
  [dns("*.example.org"), undefined, "example.org", "http", false],
  [dns("*.example.org"), undefined, ".example.org", "http", false],
  // Within a label: http only.
  [dns("www*.example.org"), undefined, "www2.example.org", "https", true],
  [dns("www*.example.org"), undefined, "www.example.org", "https", true],
  [dns("www*.example.org"), undefined, "ww.example.org", "https", false],
  [dns("w*w.example.org"), undefined, "wow.example.org", "ftp", true],
  [dns("w*w.example.org"), undefined, "w.example.org", "ftp", false],
  [dns("www*.example.org"), undefined, "www2.example.org", "imap", false],
  [dns("www*.example.org"), undefined, "www.a.example.org", "http", false],
  // Dangerous ones.
  [dns("*"), undefined, "localhost", "http", false],
  [dns("*"), undefined, "example.org", [2, 2, 2], false],
  [dns("*.org"), undefined, "example.org", "http", false],
  [dns("*.org"), undefined, "example.org", "ldap", false],
  [dns("*.org."), undefined, "example.org.", "http", false],
  [dns("*..org"), undefined, "a..org", "http", false],
  [dns("www.*.org"), undefined, "www.example.org", "http", false],
  [dns("*.*.example.org"), undefined, "a.b.example.org", "http", false],
  [dns("xn--*.example.org"), undefined, "xn--bcher-kva.example.org", "http", false],
  [dns("example.org, DNS:evil.org"), undefined, "evil.org", "http", false],
  [dns("example.org\0.evil.org"), undefined, "example.org", "http", false],
  [dns("example.org\0"), undefined, "example.org", "http", false],
  // A kelvin sign is no k.
  [dns("\u212aey.org"), undefined, "key.org", "http", false],
  // The common name: always for ldap and smtp; for http when there is no other; never with a wildcard.
  [[], "example.org", "example.org", "http", true],
  [[], "example.org", "example.org", "smtp", true],
  [dns("other.org"), "example.org", "example.org", "http", false],
  [dns("other.org"), "example.org", "example.org", "ldap", true],
  [[], "*.example.org", "www.example.org", "http", false],
  [[], "*.example.org", "www.example.org", [1, 0, 2], true],
  [[], "www*.example.org", "www1.example.org", [1, 0, 2], false],
  [[], "www*.example.org", "www1.example.org", [2, 0, 2], true],
  [[], "example.org", "example.org", [0, 0, 0], false],
  [[{ type: "email", value: "a@b" }], "example.org", "example.org", "http", true],
  [[], "example.org", "example.org", { wildcardCn: 0, wildcardAlt: 0, checkCn: 1 }, true],
  // Addresses are compared with addresses, however they are written.
  [[{ type: "ip", value: "127.0.0.1" }], undefined, "127.0.0.1", "http", true],
  [[{ type: "ip", value: "2001:db8::1" }], undefined, "2001:DB8:0:0::1", "http", true],
  [[{ type: "ip", value: "127.0.0.1" }], undefined, "127.0.0.2", "http", false],
  [dns("127.0.0.1"), undefined, "127.0.0.1", "http", false],
  [dns("*.0.0.1"), undefined, "127.0.0.1", "http", false],
  [[{ type: "ip", value: "127.0.0.1" }], "127.0.0.2", "127.0.0.2", "http", true],
  [[{ type: "uri", value: "example.org" }], undefined, "example.org", "http", false],
  // Names in Unicode.
  [dns("xn--bcher-kva.example"), undefined, "Bücher.example", "http", true],
  [dns("*.xn--bcher-kva.example"), undefined, "www.bücher.example", "http", true],
  // No check at all was asked for.
  [[], undefined, "example.org", "none", true],
];

Deno.test("verifyHostname() follows the table of names and schemes", () => {
  for (const [names, cn, host, scheme, expected] of TABLE) {
    const what = JSON.stringify([names, cn, host, scheme]);
    assert.equal(verifyHostname(names, cn, host, scheme), expected, what);
  }
});

Deno.test("verifyHostname() knows every scheme of AnyEvent::TLS, in any case", () => {
  // Which of [http's www*.x, ldap's *.x, plain] each allows.
  const kinds: Record<string, string> = {
    http: "https rfc2818 xmpp rfc3920 ftp ftps rfc4217 HTTP",
    ldap: "ldaps rfc4513 pop3 pop3s imap imaps acap rfc2595 nntp nntps rfc4642 Ldap",
    smtp: "smtps rfc3207",
  };
  for (const [kind, names] of Object.entries(kinds)) {
    for (const name of [kind, ...names.split(" ")]) {
      const allows = (pattern: string, host: string): boolean =>
        verifyHostname(dns(pattern), "cn.example.org", host, name as "http");
      assert.equal(allows("www*.example.org", "www1.example.org"), kind === "http", name);
      assert.equal(allows("*.example.org", "a.example.org"), kind !== "smtp", name);
      assert.equal(allows("a.example.org", "cn.example.org"), kind !== "http", name);
      assert.equal(allows("a.example.org", "a.example.org"), true, name);
    }
  }
});

Deno.test("verifyHostname() refuses schemes and arguments that make no sense", () => {
  const wrong: readonly (readonly unknown[])[] = [
    [[], undefined, "a.org", "htpp"],
    [[], undefined, "a.org", "constructor"],
    [[], undefined, "a.org", undefined],
    [[], undefined, "a.org", [1, 2, 3]],
    [[], undefined, "a.org", [1]],
    [[], undefined, "a.org", { wildcardCn: 1 }],
    [[], undefined, "", "http"],
    [[], undefined, undefined, "none"],
    ["a.org", undefined, "a.org", "http"],
    [["a.org"], undefined, "a.org", "http"],
    [[], 1, "a.org", "http"],
  ];
  for (const args of wrong) {
    assert.throws(
      () => verifyHostname(...args as Parameters<typeof verifyHostname>),
      (error) => error instanceof UsageError && /Cannot verify peername/.test(error.message),
      JSON.stringify(args),
    );
  }
});

Deno.test("verifyHostname() never lets a wildcard stand for a dot or a whole domain", () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 5 });
  const rule = fc.constantFrom(0 as const, 1 as const, 2 as const);
  const rules = fc.tuple(rule, rule, rule) as fc.Arbitrary<PeernameTuple>;
  fc.assert(fc.property(name, rules, fc.nat(20), fc.nat(8), (labels, scheme, at, cut) => {
    const host = labels.join(".");
    // The name itself always will do, unless it looks like an address.
    fc.pre(!/^[\d.]+$/.test(host) && Number.isNaN(Number(labels.at(-1))));
    assert.equal(verifyHostname(dns(host), undefined, host, scheme), true);
    // A piece of it replaced by a star.
    const from = at % (host.length + 1);
    const pattern = `${host.slice(0, from)}*${host.slice(from + cut)}`;
    if (!verifyHostname(dns(pattern), undefined, host, scheme)) return;
    assert(scheme[1] > 0);
    assert(pattern.split(".").length === labels.length && labels.length > 2);
    assert(pattern.indexOf("*") < pattern.indexOf("."));
    if (scheme[1] === 1) assert(pattern.startsWith("*."));
    // It holds for no name with another number of labels.
    assert.equal(verifyHostname(dns(pattern), undefined, `x.${host}`, scheme), false);
    assert.equal(verifyHostname(dns(pattern), undefined, labels.slice(1).join("."), scheme), false);
  }));
});
