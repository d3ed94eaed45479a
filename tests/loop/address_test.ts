import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressFamily,
  aton,
  formatAddress,
  formatHostport,
  formatIpv4,
  formatIpv6,
  ntoa,
  parseAddress,
  parseHostport,
  parseIpv4,
  parseIpv6,
  parseUnix,
  UsageError,
} from "@anyevent/loop";

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : bytes.toHex();
}

// Seen with AnyEvent 7.17, like the tables below.
const IPV4: readonly (readonly [string, string?])[] = [
  ["10.0.0.1", "0a000001"],
  ["10.1", "0a000001"],
  ["10.0x020304", "0a020304"],
  ["0x12345678", "12345678"],
  ["0377.0377.0377.0377", "ffffffff"],
  ["0", "00000000"],
  ["00", "00000000"],
  ["256", "00000100"],
  ["4294967295", "ffffffff"],
  ["037777777777", "ffffffff"],
  ["0xffffffff", "ffffffff"],
  ["0x0000000000001", "00000001"],
  ["127.1", "7f000001"],
  ["1.2.65535", "0102ffff"],
  ["1.16777215", "01ffffff"],
  ["4294967296"],
  ["0x100000000"],
  ["040000000000"],
  ["1.2.3.256"],
  ["1.2.65536"],
  ["1.16777216"],
  ["1.2.3.4.5"],
  ["256.1"],
  ["0x100.1"],
  ["08"],
  ["09.1"],
  ["1.2.3."],
  [".1"],
  ["1..2"],
  ["1.2.3.4 "],
  [" 1.2.3.4"],
  ["1.2.3.4\n"],
  [""],
  ["0x"],
  ["0xg"],
  ["-1"],
  ["+1"],
  ["1e3"],
  ["1_0"],
  ["0b11"],
  ["٣"],
  ["localhost"],
  ["9".repeat(400)],
];

const IPV6: readonly (readonly [string, string?])[] = [
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["1::", "00010000000000000000000000000000"],
  ["0001::", "00010000000000000000000000000000"],
  ["FE80::AbCd", "fe80000000000000000000000000abcd"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
  ["1:2:3:4:5:6::8", "00010002000300040005000600000008"],
  ["::ffff:1", "000000000000000000000000ffff0001"],
  ["2002:5345::10.0.0.1", "2002534500000000000000000a000001"],
  ["::1.2.3.4", "00000000000000000000000001020304"],
  ["::ffff:1.2.3.4", "00000000000000000000ffff01020304"],
  ["::ffff:10.1", "00000000000000000000ffff0a000001"],
  ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
  ["::0x7f.1", "0000000000000000000000007f000001"],
  ["192.89.98.1", "00000000000000000000ffffc0596201"],
  ["10.1", "00000000000000000000ffff0a000001"],
  ["1", "00000000000000000000ffff00000001"],
  ["1:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7:8:9"],
  ["1:2:3:4:5:6:7:8::"],
  ["1:2:3:4::5:6:7:8"],
  ["1:2:3:4:5:6:7:1.2.3.4"],
  ["::1::"],
  ["1::2::3"],
  [":::"],
  [":1"],
  ["1:"],
  ["12345::"],
  ["::00001"],
  ["g::"],
  ["::-1"],
  ["fe80::1%eth0"],
  ["::1.2.3.256"],
  ["::1.2.3.4.5"],
  ["1.2.3.4::"],
  ["1::1.2.3.4:5"],
  ["::1 "],
  [" ::1"],
  ["[::1]"],
  [""],
];

const ADDRESSES: readonly (readonly [string, string?])[] = [
  ["10.1.2.3", "0a010203"],
  ["10", "0000000a"],
  ["::ffff:1.2.3.4", "01020304"],
  ["::ffff:102:304", "01020304"],
  ["0:0:0:0:0:ffff:1.2.3.4", "01020304"],
  ["::1.2.3.4", "00000000000000000000000001020304"],
  ["::1", "00000000000000000000000000000001"],
  ["unix/", "0100"],
  ["UNIX/"],
  ["unix/:"],
  ["/x"],
  ["localhost"],
  [""],
];

/** Bytes, as formatIpv6 and as formatAddress has them. */
const FORMATTED: readonly (readonly [string, string, string?])[] = [
  ["00000000000000000000000000000000", "::"],
  ["00000000000000000000000000000001", "::1"],
  ["00000000000000000000000000000002", "::0.0.0.2"],
  ["00000000000000000000000000000102", "::0.0.1.2"],
  ["00000000000000000000000001020304", "::1.2.3.4"],
  ["00000000000000000000ffff01020304", "::ffff:1.2.3.4", "1.2.3.4"],
  ["00000000000000000000ffff00000000", "::ffff:0.0.0.0", "0.0.0.0"],
  ["0000000000000000ffff000001020304", "::ffff:0:1.2.3.4"],
  ["0000000000000000ffff000000000000", "::ffff:0:0.0.0.0"],
  ["00000000000000000000fffe01020304", "::fffe:102:304"],
  ["00000000000000000001000001020304", "::1:0:102:304"],
  ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
  ["00010002000300040005000600070000", "1:2:3:4:5:6:7:0"],
  ["00010000000000030000000000000007", "1:0:0:3::7"],
  ["00000000000000010000000000000000", "0:0:0:1::"],
  ["00000001000200030004000500060007", "0:1:2:3:4:5:6:7"],
  ["00000000000200030004000500060007", "::2:3:4:5:6:7"],
  ["0064ff9b000000000000000001020304", "64:ff9b::102:304"],
  ["abcdef0123456789abcdef0123456789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"],
  ["fe800000000000000000000000000000", "fe80::"],
];

const HOSTPORTS: readonly (readonly [readonly [string, string?], (readonly [string, string])?])[] =
  [
    // The documentation's own.
    [["www.linux.org", "80"], ["www.linux.org", "80"]],
    [["www.x.de:443"], ["www.x.de", "443"]],
    [["www.x.de:https=443"], ["www.x.de", "https=443"]],
    [["127.1:22"], ["127.1", "22"]],
    // Brackets are no part of a name.
    [["host]:80"]],
    [["ho[st:80"]],
    [["]", "80"]],
    [["::1", "80"], ["::1", "80"]],
    [["affe::1", "x"], ["affe::1", "x"]],
    [["[10.0.1]:80"], ["10.0.1", "80"]],
    [["[127.0.0.1]", "1"], ["127.0.0.1", "1"]],
    [["[www.x.org] 17"], ["www.x.org", "17"]],
    [["::1 443"], ["::1", "443"]],
    [["10.0.0.1 smtp"], ["10.0.0.1", "smtp"]],
    [["unix/:/path/to/socket"], ["unix/", "/path/to/socket"]],
    [["/path/to/socket"], ["unix/", "/path/to/socket"]],
    [["localhost:443"], ["localhost", "443"]],
    [["localhost", "https"], ["localhost", "https"]],
    [["/tmp/debug.sock"], ["unix/", "/tmp/debug.sock"]],
    [["[::1]"]],
    // And what it leaves open.
    [["[::1]:80"], ["::1", "80"]],
    [["[::1]", "80"], ["::1", "80"]],
    [["[::1] ", "80"], ["::1", "80"]],
    [["[::1]#80"], ["::1", "80"]],
    [["::1#80"], ["::1", "80"]],
    [["::1\t80"], ["::1", "80"]],
    [["::1 ", "80"], ["::1", "80"]],
    [["2002:5345::10.0.0.1#80"], ["2002:5345::10.0.0.1", "80"]],
    [["1:2:3:4:5:6:7:8", "9"], ["1:2:3:4:5:6:7:8", "9"]],
    [["[::ffff:1.2.3.4]:80"], ["::ffff:1.2.3.4", "80"]],
    [["host 80"], ["host", "80"]],
    [["host  80"], ["host", "80"]],
    [["host:80 "], ["host", "80"]],
    [["host:a=b"], ["host", "a=b"]],
    [["host:99999"], ["host", "99999"]],
    [["host:-1"], ["host", "-1"]],
    [["host", "0"], ["host", "0"]],
    [["0", "0"], ["0", "0"]],
    [["*:4040"], ["*", "4040"]],
    [["日本語.jp:80"], ["日本語.jp", "80"]],
    [["unix/:rel"], ["unix/", "rel"]],
    [["unix/", "/x"], ["unix/", "/x"]],
    [["[unix/]:/x"], ["unix/", "/x"]],
    [["unix/ /x"], ["unix/", "/x"]],
    [["/x", "80"], ["unix/", "/x"]],
    [["/a b"], ["unix/", "/a b"]],
    [["www.linux.org"]],
    [["198.182.196.56"]],
    [["::1"]],
    [["::1:80"]],
    [["1:2:3:4:5:6:7:8:80"]],
    [["::ffff:1.2.3.4:80"]],
    [["1.2.3.4:80:90"]],
    [["a:b:c"]],
    [["a:b:c", "80"]],
    [["host:"]],
    [["host:", "80"]],
    [["host", ""]],
    [["host:80:90"]],
    [["host:8 0"]],
    [["host : 80"]],
    [["host#80"]],
    [[" host:80"]],
    [["a b c"]],
    [[""]],
    [["", "80"]],
    [[":80"]],
    [["*"]],
    [["unix/"]],
    [["unix/:"]],
    [["[]:80"]],
    [["[::1"]],
    [["[::1", "1"]],
    [["::1]", "1"]],
    [["[::1]80", "9"]],
    [["[::1]]:80"]],
    [["[::1]:", "80"]],
    [["[::1] :80"]],
    [["[::1]: 80"]],
    [["[ ::1 ]:80"]],
    [["[host:x]:80"]],
    [["::1#", "80"]],
    [["::1x", "80"]],
    [["::1/64", "80"]],
    [["::g 80"]],
    [["::1%eth0 80"]],
    [["[fe80::1%eth0]:80"]],
    [["[fe80::1%eth0]", "80"]],
  ];

const TEXT = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...":.[]#/% 0123456789afgxX="), maxLength: 40 }),
);

Deno.test("parseIpv4() knows all forms of POSIX and no others", () => {
  for (const [text, bytes] of IPV4) assert.equal(hex(parseIpv4(text)), bytes, text);
});

Deno.test("parseIpv6() knows all forms of RFC 4291, IPv4 tails and plain IPv4 addresses", () => {
  for (const [text, bytes] of IPV6) assert.equal(hex(parseIpv6(text)), bytes, text);
});

Deno.test("parseAddress() gives 4 bytes, 16 bytes or the Unix token; aton is the same", () => {
  for (const [text, bytes] of ADDRESSES) assert.equal(hex(parseAddress(text)), bytes, text);
  assert.equal(aton, parseAddress);
});

Deno.test("parseUnix() gives the token for unix/ only", () => {
  const token = parseUnix("unix/")!;
  assert.equal(formatAddress(token), "unix/");
  token.fill(7);
  assert.equal(formatAddress(parseUnix("unix/")!), "unix/");
  assert.equal(parseUnix("unix"), undefined);
});

Deno.test("formatIpv6() shortens the longest run and shows embedded IPv4 addresses", () => {
  for (const [bytes, text, address = text] of FORMATTED) {
    const ipn = Uint8Array.fromHex(bytes);
    assert.equal(formatIpv6(ipn), text, bytes);
    assert.equal(formatAddress(ipn), address, bytes);
  }
});

Deno.test("formatAddress() gives undefined for what is no address", () => {
  for (const length of [0, 1, 2, 3, 6, 15, 17]) {
    assert.equal(formatAddress(new Uint8Array(length)), undefined);
  }
  assert.equal(formatAddress(Uint8Array.of(1, 2, 3, 5)), "1.2.3.5");
  assert.equal(ntoa, formatAddress);
});

Deno.test("formatAddress() formats an Address as parseHostport() reads it", () => {
  assert.equal(formatAddress({ transport: "tcp", host: "::1", port: 80 }), "[::1]:80");
  assert.equal(formatAddress({ transport: "tcp", host: "a.b", port: 0 }), "a.b:0");
  assert.equal(formatAddress({ transport: "unix", path: "/x:y" }), "unix/:/x:y");
});

Deno.test("addressFamily() tells addresses by their form", () => {
  assert.equal(addressFamily(parseIpv4("1.2.3.4")!), 4);
  assert.equal(addressFamily(parseIpv6("1.2.3.4")!), 6);
  assert.equal(addressFamily(parseUnix("unix/")!), "unix");
  assert.equal(addressFamily(new Uint8Array(2)), undefined);
  assert.equal(addressFamily(new Uint8Array(5)), undefined);
});

Deno.test("parseHostport() splits every form that upstream does", () => {
  for (const [[text, service], split] of HOSTPORTS) {
    assert.deepEqual(parseHostport(text, service), split, `${text} ${service}`);
  }
});

Deno.test("formatHostport() puts a host with colons into brackets", () => {
  assert.equal(formatHostport("host", 80), "host:80");
  assert.equal(formatHostport("host", "http=80"), "host:http=80");
  assert.equal(formatHostport("host", 0), "host:0");
  assert.equal(formatHostport("host", ""), "host");
  assert.equal(formatHostport("host"), "host");
  assert.equal(formatHostport("::1", 80), "[::1]:80");
  assert.equal(formatHostport("::1"), "[::1]");
  assert.equal(formatHostport("unix/", "/x"), "unix/:/x");
});

Deno.test("every address survives formatting and parsing", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(fc.property(bytes(4), (ipn) => {
    assert.deepEqual(parseIpv4(formatIpv4(ipn)), ipn);
    assert.deepEqual(parseAddress(formatAddress(ipn)!), ipn);
    assert.equal(formatAddress(parseIpv6(formatIpv4(ipn))!), formatIpv4(ipn));
  }));
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
    .map((list) => Uint8Array.from(list));
  fc.assert(fc.property(fc.oneof(bytes(16), sparse), (ipn) => {
    assert.deepEqual(parseIpv6(formatIpv6(ipn)), ipn);
    // The same text as the URL standard's, but for the forms that end in an IPv4 address.
    if (!formatIpv6(ipn).includes(".")) {
      assert.equal(`[${formatIpv6(ipn)}]`, new URL(`http://[${formatIpv6(ipn)}]/`).hostname);
    }
  }));
});

Deno.test("every host and service survives formatting and parsing", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.\-]{0,20}$/);
  const ip = fc.oneof(fc.ipV4(), fc.ipV6().filter((text) => parseIpv6(text) !== undefined));
  const service = fc.oneof(fc.nat(65535).map(String), fc.stringMatching(/^[a-z][a-z0-9=]{0,9}$/));
  fc.assert(fc.property(fc.oneof(name, ip), service, (host, port) => {
    assert.deepEqual(parseHostport(formatHostport(host, port)), [host, port]);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 1 }), (path) => {
    assert.deepEqual(parseHostport(formatHostport("unix/", `/${path}`)), ["unix/", `/${path}`]);
  }));
});

Deno.test("no text makes a parser throw, and what is parsed is well formed", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const ipv4 = parseIpv4(text);
      assert.ok(ipv4 === undefined || ipv4.length === 4);
      const ipv6 = parseIpv6(text);
      assert.ok(ipv6 === undefined || ipv6.length === 16);
      assert.equal(parseAddress(text) === undefined, ipv6 === undefined && text !== "unix/");
      const split = parseHostport(text, "1");
      assert.ok(split === undefined || (split[0] !== "" && split[1] !== ""));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("arguments of the wrong type are refused with the value", () => {
  const wrong = 5 as never;
  for (const parse of [parseIpv4, parseIpv6, parseUnix, parseAddress, parseHostport]) {
    assert.throws(() => parse(wrong), UsageError);
    assert.throws(() => parse(wrong), /5/);
  }
  assert.throws(() => parseHostport("a", {} as never), UsageError);
  assert.throws(() => formatHostport(wrong), UsageError);
  assert.throws(() => formatHostport("a", {} as never), UsageError);
  assert.throws(() => formatIpv4(new Uint8Array(16)), UsageError);
  assert.throws(() => formatIpv6(new Uint8Array(4)), UsageError);
  assert.throws(() => formatAddress("1.2.3.4" as never), UsageError);
  assert.throws(() => addressFamily("1.2.3.4" as never), UsageError);
});
