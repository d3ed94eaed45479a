import assert from "node:assert/strict";
import fc from "fast-check";
import {
  idnNameprep,
  idnToAscii,
  idnToUnicode,
  punycodeDecode,
  punycodeEncode,
  UsageError,
} from "@anyevent/loop";

/** The samples of RFC 3492, section 7.1, and a few of our own. */
const PUNYCODE: readonly (readonly [string, string])[] = [
  ["ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"],
  ["他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"],
  ["Pročprostěnemluvíčesky", "Proprostnemluvesky-uyb24dma41a"],
  ["למההםפשוטלאמדבריםעברית", "4dbcagdahymbxekheh6e0a7fei0b"],
  ["почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"],
  ["PorquénopuedensimplementehablarenEspañol", "PorqunopuedensimplementehablarenEspaol-fmd56a"],
  ["TạisaohọkhôngthểchỉnóitiếngViệt", "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g"],
  ["3年B組金八先生", "3B-ww4c5e180e575a65lsy2b"],
  ["Hello-Another-Way-それぞれの場所", "Hello-Another-Way--fc4qua05auwb3674vfr0b"],
  ["MajiでKoiする5秒前", "MajiKoi5-783gue6qz075azm5e"],
  ["パフィーdeルンバ", "de-jg4avhby1noc0d"],
  ["そのスピードで", "d9juau41awczczp"],
  ["-> $1.00 <-", "-> $1.00 <--"],
  ["bücher", "bcher-kva"],
  ["BÜcher", "Bcher-2pa"],
  ["日本語", "wgv71a119e"],
  ["ü", "tda"],
  ["-ü", "--eha"],
  ["a ü", "a -yka"],
  ["\u{10ffff}", "dn32g"],
  ["", ""],
];

/** Name, prepared (`undefined`: refused), in ASCII, in Unicode. */
const NAMES: readonly (readonly [string, string | undefined, string, string])[] = [
  ["example.com", "example.com", "example.com", "example.com"],
  ["EXAMPLE.com", "example.com", "EXAMPLE.com", "example.com"],
  ["日本語。ＪＰ", "日本語.jp", "xn--wgv71a119e.jp", "日本語.jp"],
  ["www.xn--l-0ga.de", "www.öl.de", "www.xn--l-0ga.de", "www.öl.de"],
  ["XN--L-0GA", "öl", "XN--L-0GA", "öl"],
  ["ｘｎ－－ｌ－０ｇａ.de", "öl.de", "xn--l-0ga.de", "öl.de"],
  ["faß.de", "faß.de", "xn--fa-hia.de", "faß.de"],
  ["BÜCHER.de", "bücher.de", "xn--bcher-kva.de", "bücher.de"],
  ["a\u0300.de", "à.de", "xn--0ca.de", "à.de"],
  ["a\u00adb.de", "ab.de", "ab.de", "ab.de"],
  ["①.de", "1.de", "1.de", "1.de"],
  ["ü.1", "ü.1", "xn--tda.1", "ü.1"],
  ["ü..b", "ü..b", "xn--tda..b", "ü..b"],
  ["ü.", "ü.", "xn--tda.", "ü."],
  [".", ".", ".", "."],
  ["", "", "", ""],
  ["-ü.de", "-ü.de", "xn----eha.de", "-ü.de"],
  ["💩.la", "💩.la", "xn--ls8h.la", "💩.la"],
  ["क्\u200dष", "क्\u200dष", "xn--11b2ezcw70k", "क्\u200dष"],
  // Refused: returned as they are.
  ["a_b.de", undefined, "a_b.de", "a_b.de"],
  ["ü_x.de", undefined, "ü_x.de", "ü_x.de"],
  ["a b.de", undefined, "a b.de", "a b.de"],
  ["*.ü", undefined, "*.ü", "*.ü"],
  ["a-.de", undefined, "a-.de", "a-.de"],
  ["ü-.de", undefined, "ü-.de", "ü-.de"],
  ["ab--c.de", undefined, "ab--c.de", "ab--c.de"],
  ["ab--ü.de", undefined, "ab--ü.de", "ab--ü.de"],
  ["xn--a", undefined, "xn--a", "xn--a"],
  ["xn--0", undefined, "xn--0", "xn--0"],
  ["xn--", undefined, "xn--", "xn--"],
  ["xn--faß", undefined, "xn--faß", "xn--faß"],
  ["xn--nxa.xn--bad!", undefined, "xn--nxa.xn--bad!", "xn--nxa.xn--bad!"],
  ["ü/x", undefined, "ü/x", "ü/x"],
  ["ü%41", undefined, "ü%41", "ü%41"],
  ["ü:8", undefined, "ü:8", "ü:8"],
  ["ü@x", undefined, "ü@x", "ü@x"],
  ["℀.de", undefined, "℀.de", "℀.de"],
  ["⒈com", undefined, "⒈com", "⒈com"],
  ["\u037e.ü", undefined, "\u037e.ü", "\u037e.ü"],
  ["\ufdd0.de", undefined, "\ufdd0.de", "\ufdd0.de"],
  ["\ue000.x", undefined, "\ue000.x", "\ue000.x"],
  ["\ud800", undefined, "\ud800", "\ud800"],
  ["ü".repeat(2000), undefined, "ü".repeat(2000), "ü".repeat(2000)],
];

const NAME = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(..."xn--XNaü.。ß日א१\u0300\u200d"), maxLength: 20 }),
);

Deno.test("punycodeEncode() and punycodeDecode() agree with RFC 3492", () => {
  for (const [text, encoded] of PUNYCODE) {
    assert.equal(punycodeEncode(text), encoded);
    assert.equal(punycodeDecode(encoded), text);
  }
});

Deno.test("punycodeDecode() takes digits of either case and folds none of the rest", () => {
  assert.equal(punycodeDecode("Bcher-KVA"), "Bücher");
});

Deno.test("punycodeDecode() refuses what is no punycode", () => {
  for (
    const text of ["a-!", "ü-a", "ü", "bcher-kv", "99999999", "zzzzzzzzz", "a".repeat(5000), " "]
  ) {
    assert.throws(() => punycodeDecode(text), UsageError, text);
  }
});

Deno.test("punycodeEncode() refuses what is no text", () => {
  for (const text of ["\ud800", "a".repeat(5000), 5 as never, undefined as never]) {
    assert.throws(() => punycodeEncode(text), UsageError);
  }
});

Deno.test("every text survives punycode", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
    assert.equal(punycodeDecode(punycodeEncode(text)), text);
  }));
});

Deno.test("no text makes punycodeDecode() fail other than with UsageError", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."abcxyz019-A"), maxLength: 30 });
  fc.assert(fc.property(fc.oneof(digits, fc.string()), (text) => {
    try {
      assert.ok(punycodeDecode(text).isWellFormed());
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }));
});

Deno.test("idnNameprep(), idnToAscii() and idnToUnicode() convert whole names", () => {
  for (const [name, prepared, ascii, unicode] of NAMES) {
    if (prepared === undefined) assert.throws(() => idnNameprep(name), UsageError, name);
    else assert.equal(idnNameprep(name), prepared);
    assert.equal(idnToAscii(name), ascii, name);
    assert.equal(idnToUnicode(name), unicode, name);
  }
});

Deno.test("the conversions of names are idempotent, never fail, and undo each other", () => {
  fc.assert(
    fc.property(NAME, (name) => {
      const ascii = idnToAscii(name);
      assert.equal(idnToAscii(ascii), ascii);
      const unicode = idnToUnicode(name);
      assert.equal(idnToUnicode(unicode), unicode);
      let prepared: string;
      try {
        prepared = idnNameprep(name);
      } catch (error) {
        assert.ok(error instanceof UsageError);
        assert.equal(ascii, name);
        return;
      }
      assert.equal(unicode, prepared);
      assert.equal(idnNameprep(prepared), prepared);
      assert.equal(idnToUnicode(ascii), prepared);
      // deno-lint-ignore no-control-regex
      assert.match(ascii, /^[\x00-\x7f]*$/);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("idn functions refuse what is no string", () => {
  for (const convert of [idnNameprep, idnToAscii, idnToUnicode]) {
    assert.throws(() => convert(5 as never), /Cannot .* name 5: it is not a string/);
  }
});
