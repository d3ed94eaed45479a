import assert from "node:assert/strict";
import * as fc from "fast-check";
import { sprintf } from "../../../loop/log/printf.ts";

/** As Perl 5.36 prints them. */
const CASES: readonly (readonly [string, readonly unknown[], string])[] = [
  ["%s %s", ["a"], "a "],
  ["%s", ["a", "b"], "a"],
  ["%d %i", [3.99, "-7abc"], "3 -7"],
  ["%d", ["abc"], "0"],
  ["%5d|%-5d|%05d", [42, 42, 42], "   42|42   |00042"],
  ["%+d % d %+d", [5, 5, -5], "+5  5 -5"],
  ["%.3d", [5], "005"],
  ["%05.3d|", [5], "  005|"],
  ["%05d", [-42], "-0042"],
  ["%u", [7], "7"],
  ["%u", [-1], "18446744073709551615"],
  ["%x %X %#x %o %#o %b %#b", [255, 255, 255, 8, 8, 5, 5], "ff FF 0xff 10 010 101 0b101"],
  ["%08x|%#08x", [255, 255], "000000ff|0x0000ff"],
  ["%#x", [0], "0"],
  ["%x", [-1], "ffffffffffffffff"],
  ["%f %.2f %.0f", [1.5, 2.345678, 2.6], "1.500000 2.35 3"],
  ["%08.3f|%-8.3f|%+.1f", [3.14159, 3.14159, 2], "0003.142|3.142   |+2.0"],
  ["%e %.1E", [12345.678, 12345.678], "1.234568e+04 1.2E+04"],
  ["%g %g %g %g", [100000, 1000000, 0.0001, 0.00001], "100000 1e+06 0.0001 1e-05"],
  ["%g %.3g %G", [1.5, 1234.5, 1e-10], "1.5 1.23e+03 1E-10"],
  ["%g", [0], "0"],
  ["%s", [1e21], "1e+21"],
  ["%d", [1e21], "1000000000000000000000"],
  ["%5s|%-5s|%.2s|%05s", ["ab", "ab", "abc", "ab"], "   ab|ab   |ab|000ab"],
  ["%*d|%-*d|%*d|%.*f", [5, 42, 5, 42, -5, 42, 1, 2.26], "   42|42   |42   |2.3"],
  ["%c%c", [65, 0x1f600], "A😀"],
  ["100%% %s", ["x"], "100% x"],
  ["%y %", ["x"], "%y %"],
  ["%d %s", [12345678901234567890n, true], "12345678901234567890 true"],
  ["%s", [new Error("x")], "Error: x"],
  ["%s %d", [null, undefined], " 0"],
  ["%d %f", [Infinity, -Infinity], "Inf -Inf"],
];

Deno.test("sprintf() is Perl's for what it knows", () => {
  for (const [format, args, expected] of CASES) {
    assert.equal(sprintf(format, args), expected, `${format} ${args.map(String)}`);
  }
});

Deno.test("sprintf() never throws, and is bounded", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.tuple(
      fc.constantFrom("", "-", "+", " ", "0", "#", "-0#"),
      fc.constantFrom("", "5", "*", "99999999999"),
      fc.constantFrom("", ".", ".3", ".*", ".99999999999"),
      fc.constantFrom(..."sdiuxXobeEfFgGc%ynp"),
    ).map((parts) => `%${parts.join("")}`),
  );
  const value = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true, maxDepth: 1, maxKeys: 2 }),
    fc.double(),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 5 }),
      fc.array(value, { maxLength: 5 }),
      (pieces, args) => {
        const text = sprintf(pieces.join(""), args);
        assert.equal(typeof text, "string");
      },
    ),
  );
  assert.equal(sprintf("%99999999999d", [1]).length, 1000);
  assert.ok(sprintf("%.99999999999f", [1]).length < 1100);
});

Deno.test("sprintf() writes nothing for 0 with precision 0, as C and Perl do", () => {
  assert.equal(
    sprintf("[%.0d] [%5.0d] [%.0x] [%+.0d] [%.0o]", [0, 0, 0, 0, 0]),
    "[] [     ] [] [+] []",
  );
  assert.equal(sprintf("[%.0d] [%d] [%.3d]", [10, 0, 0]), "[10] [0] [000]");
});
