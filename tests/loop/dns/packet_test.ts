import assert from "node:assert/strict";
import fc from "fast-check";
import {
  dnsPack,
  type DnsRecord,
  dnsTables,
  dnsUnpack,
  EDNS0_SIZE,
  PeerError,
  UsageError,
} from "@anyevent/loop";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g)!, (two) => parseInt(two, 16));
}

Deno.test("dnsPack() gives the bytes that AnyEvent::DNS gives", () => {
  const bytes = dnsPack({ rd: true, id: 5, qd: [["host.domain", "*"]] });
  assert.equal(hex(bytes), "00050100000100000000000004686f737406646f6d61696e0000ff0001");
});

Deno.test("dnsPack() adds the EDNS0 record when asked to", () => {
  const { ar } = dnsUnpack(dnsPack({ qd: [["x", "a"]] }, { edns0: true }));
  assert.deepEqual(ar, [[".", "opt", `class${EDNS0_SIZE}`, 0, new Uint8Array(0)]]);
});

Deno.test("dnsUnpack() reads compressed names and all the flags", () => {
  // A reply for www.google.de: an alias, then an address, names compressed.
  const bytes = fromHex(
    "fb09 8780 0001 0002 0000 0000 03777777 06676f6f676c65 026465 00 0001 0001" +
      "c00c 0005 0001 00000e10 0010 03777777 06676f6f676c65 03636f6d 00" +
      "c02b 0001 0001 00000e10 0004 425d6868",
  );
  const packet = dnsUnpack(bytes);
  assert.deepEqual(packet.qd, [["www.google.de", "a", "in"]]);
  assert.deepEqual(packet.an, [
    ["www.google.de", "cname", "in", 3600, "www.google.com"],
    ["www.google.com", "a", "in", 3600, "66.93.104.104"],
  ]);
  const { id, qr, aa, tc, rd, ra, ad, cd, rc, op } = packet;
  assert.deepEqual({ id, qr, aa, tc, rd, ra, ad, cd, rc, op }, {
    ...{ id: 0xfb09, qr: true, aa: true, tc: true, rd: true, ra: true, ad: false, cd: false },
    ...{ rc: "noerror", op: "query" },
  });
});

const RECORDS: readonly DnsRecord[] = [
  ["h", "a", "in", 1, "10.0.0.1"],
  ["h", "aaaa", "in", 1, "2001:db8::1"],
  ["h", "ns", "in", 1, "ns.example"],
  ["h", "cname", "in", 1, "other.example"],
  ["h", "dname", "in", 1, "tree.example"],
  ["h", "ptr", "in", 1, "back.example"],
  ["h", "soa", "in", 4294967295, "ns.example", "root.example", 4294967295, 2, 3, 4, 5],
  ["h", "hinfo", "in", 1, "cpu", "os"],
  ["h", "mx", "in", 1, 10, "mail.example"],
  ["h", "txt", "in", 1, "one", "two", "drei \u00fc"],
  ["h", "spf", "in", 1, "v=spf1 -all"],
  ["h", "srv", "in", 1, 1, 2, 5060, "sip.example"],
  ["h", "srv", "in", 1, 1, 2, 5060, "."],
  ["h", "naptr", "in", 1, 1, 2, "s", "SIP+D2U", "", "_sip._udp.example"],
  ["h", "caa", "in", 1, 0, "issue", "ca.example"],
  ["h", "wks", "in", 1, "10.0.0.1", 6, Uint8Array.of(1, 2)],
  ["h", "type65281", "class9", 1, Uint8Array.of(1, 2, 3)],
  ["h", "loc", "ch", 1, new Uint8Array(0)],
];

Deno.test("dnsUnpack() gives back every type of record that dnsPack() was given", () => {
  const packet = dnsUnpack(dnsPack({ qr: true, an: RECORDS, ns: RECORDS, ar: RECORDS }));
  for (const section of [packet.an, packet.ns, packet.ar]) assert.deepEqual(section, RECORDS);
});

Deno.test("dnsTables take types and codecs of one's own", () => {
  dnsTables.type.add("weather", 65290);
  dnsTables.codecs.set(65290, {
    decode: (message, start, end) => [new TextDecoder().decode(message.subarray(start, end))],
    encode: ([text]) => new TextEncoder().encode(String(text)),
  });
  const record: DnsRecord = ["h", "weather", "in", 1, "rain"];
  const bytes = dnsPack({ an: [record] });
  assert.deepEqual(dnsUnpack(bytes).an, [record]);
  dnsTables.codecs.delete(65290);
  assert.deepEqual(dnsUnpack(bytes).an[0][4], new TextEncoder().encode("rain"));
  assert.throws(() => dnsTables.type.add("Bad Name", 1), UsageError);
  assert.throws(() => dnsTables.type.id("nonsense"), /"nonsense" as DNS type: there is none/);
});

Deno.test("dnsPack() throws UsageError naming what cannot be packed", () => {
  const long = Array.from({ length: 64 }, () => "abc").join(".");
  const bad: [() => unknown, RegExp][] = [
    [() => dnsPack({ qd: [[long + ".x", "a"]] }), /more than 255 bytes/],
    [() => dnsPack({ qd: [["a..b", "a"]] }), /"a\.\.b".*label/],
    [() => dnsPack({ qd: [["x".repeat(64), "a"]] }), /label is not 1 to 63/],
    [() => dnsPack({ qd: [["x", "nix"]] }), /"nix"/],
    [() => dnsPack({ id: 65536 }), /id 65536/],
    [() => dnsPack({ an: [["x", "a", "in", 1, "10.0.0.256"]] }), /10\.0\.0\.256/],
    [() => dnsPack({ an: [["x", "a", "in", -1, "10.0.0.1"]] }), /ttl -1/],
    [() => dnsPack({ an: [["x", "ns", "in", 1, "a..b"]] }), /"a\.\.b"/],
    [() => dnsPack({ an: [["x", "type999", "in", 1, "text"]] }), /no bytes/],
    [() => dnsPack(undefined as never), /undefined/],
    [() => dnsUnpack("text" as never), /"text"/],
  ];
  for (const [call, message] of bad) {
    assert.throws(
      call,
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
  // 255 bytes are fine: 63 labels of 3, each with a length, and what is left.
  assert.doesNotThrow(() => dnsPack({ qd: [[long.slice(0, 253), "a"]] }));
});

Deno.test("dnsUnpack() throws PeerError for what is malformed", () => {
  const header = "0001 8180 0001 0000 0000 0000";
  const bad = [
    "",
    "00",
    header,
    `${header} 03 6162`,
    `${header} c00c 0001 0001`, // points at itself
    `${header} c0ff 0001 0001`, // points ahead
    `${header} 40 00 0001 0001`, // a kind of label that there is not
    `${header} 01 61 c00c 0001 0001`, // a loop
    "0001 8180 0000 0001 0000 0000 00 0001 0001 00000001 0005 0a000001", // beyond the end
    "0001 8180 0000 0001 0000 0000 00 0001 0001 00000001 0003 0a0000", // short address
    "0001 8180 0000 0001 0000 0000 00 000f 0001 00000001 0002 000a 00 00 00", // mx without a name,
    "0001 8180 0000 ffff 0000 0000",
  ];
  for (const text of bad) {
    const bytes = text === "" ? new Uint8Array(0) : fromHex(text);
    assert.throws(
      () => dnsUnpack(bytes),
      (error: Error) => error instanceof PeerError && error.code === "EBADMSG",
      text,
    );
  }
});

Deno.test("dnsUnpack() of anything at all is a packet or a PeerError", () => {
  const whole = dnsPack({ id: 1, qr: true, qd: [["h.example", "*"]], an: RECORDS });
  const check = (bytes: Uint8Array): void => {
    try {
      dnsUnpack(bytes);
    } catch (error) {
      assert(error instanceof PeerError, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), check), { numRuns: 300 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(whole.length),
      (changes, length) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        check(bytes.subarray(0, length));
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("dnsUnpack(dnsPack(x)) is x for any names", () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 8 }).map((labels) => labels.join("."));
  fc.assert(fc.property(fc.nat(65535), name, name, (id, a, b) => {
    const packet = dnsUnpack(dnsPack({ id, qd: [[a, "mx"]], an: [[a, "mx", "in", 5, 1, b]] }));
    assert.equal(packet.id, id);
    assert.deepEqual(packet.qd, [[a, "mx", "in"]]);
    assert.deepEqual(packet.an, [[a, "mx", "in", 5, 1, b]]);
  }));
});

Deno.test("dnsUnpack() follows no long chain of pointers, wherever the name is", () => {
  const chain = 2000;
  for (
    const [type, before] of [["type65280", 0], ["mx", 2], ["srv", 6], ["soa", 1], [
      "ns",
      0,
    ]] as const
  ) {
    const query = dnsPack({ qr: true, qd: [] });
    const bytes = new Uint8Array(12 + 11 + 1 + 2 * chain + 100);
    bytes.set(query);
    const view = new DataView(bytes.buffer);
    view.setUint16(6, 2);
    // A record of an unknown type holds a name and pointers, each to the one before it.
    view.setUint16(13, 65281);
    view.setUint16(21, 1 + 2 * chain);
    let at = 23 + 1;
    for (let i = 0, to = 23; i < chain; i++, to = at, at += 2) view.setUint16(at, 0xc000 | to);
    const last = 0xc000 | (at - 2);
    const end = (name: number): number => {
      view.setUint16(name, last);
      return name + 2;
    };
    if (type === "type65280") at = end(at);
    else at += 1;
    view.setUint16(at, dnsTables.type.id(type));
    view.setUint16(at + 2, 1);
    const start = at + 10;
    const over = type === "type65280" ? start : end(start + before) + (type === "soa" ? 20 : 0);
    view.setUint16(at + 8, over - start);
    assert.throws(
      () => dnsUnpack(bytes.subarray(0, over)),
      (error) =>
        error instanceof PeerError && error.code === "EBADMSG" &&
        /127 pointers/.test(error.message),
      type,
    );
  }
});
