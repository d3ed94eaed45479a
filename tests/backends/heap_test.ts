import assert from "node:assert/strict";
import fc from "fast-check";
import { Heap, type HeapItem } from "@anyevent/backends/contract";

class Item implements HeapItem {
  index = -1;
  constructor(readonly due: number, readonly seq: number) {}
}

function inOrder(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => a.due - b.due || a.seq - b.seq);
}

/** What is done to a heap: a delay to add after (by which the clock has moved), or whom to remove. */
type Step = { readonly after: number; readonly moved: number } | { readonly remove: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    after: fc.oneof(
      fc.constantFrom(0, 1, 30, 3600, Infinity),
      fc.double({ min: 0, max: 50, noNaN: true }),
    ),
    moved: fc.constantFrom(0, 0, 0.5),
  }),
  fc.record({ remove: fc.nat() }),
);

Deno.test("Heap gives and removes what a sorted list would", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const heap = new Heap<Item>();
      let model: Item[] = [];
      let now = 1e9;
      let seq = 0;
      for (const one of steps) {
        if ("remove" in one) {
          // Every other one the first, as a loop does.
          const ordered = inOrder(model);
          const item = one.remove % 2 === 0 ? ordered[0] : model[one.remove % (model.length || 1)];
          if (item === undefined) continue;
          assert.equal(heap.remove(item), true);
          assert.equal(heap.remove(item), false);
          model = model.filter((other) => other !== item);
        } else {
          now += one.moved;
          const item = new Item(now + one.after, seq++);
          heap.push(item);
          model.push(item);
        }
        assert.equal(heap.size, model.length);
        assert.equal(heap.peek(), inOrder(model)[0]);
      }
      for (const item of inOrder(model)) assert.equal(heap.pop(), item);
      assert.equal(heap.pop(), undefined);
    }),
  );
});

Deno.test("Heap keeps its order with many items, in any order and in ascending sequences", () => {
  let x = 1;
  const chance = (): number => (x = x * 1664525 + 1013904223 >>> 0) / 2 ** 32;
  for (const delay of [() => chance() * 1000, (i: number) => [0, 1, 60, 3600, 7200, 1e5][i % 6]]) {
    const heap = new Heap<Item>();
    let items: Item[] = [];
    for (let i = 0; i < 20_000; i++) items.push(new Item(i * 1e-4 + delay(i), i));
    for (const item of items) heap.push(item);
    // Most go again: what is left is moved together.
    const removed = new Set(items.filter(() => chance() < 0.9));
    for (const item of removed) assert(heap.remove(item));
    items = items.filter((item) => !removed.has(item));
    for (let i = 0; i < 5000; i++) items.push(new Item(2 + i * 1e-4 + delay(i), 20_000 + i));
    for (const item of items.slice(-5000)) heap.push(item);
    assert.equal(heap.size, items.length);
    for (const item of inOrder(items)) {
      assert.equal(heap.pop(), item);
      assert.equal(item.index, -1);
    }
  }
});

Deno.test("Heap takes items again, in old order too, and clear() empties it", () => {
  const heap = new Heap<Item>();
  const items = Array.from({ length: 300 }, (_, seq) => new Item(seq % 3, seq));
  for (let round = 0; round < 3; round++) {
    for (const item of round === 1 ? items.toReversed() : items) heap.push(item);
    const popped = Array.from({ length: 100 }, () => heap.pop()!);
    assert.deepEqual(popped, inOrder(items).slice(0, 100));
    for (const item of popped) heap.push(item);
    assert.equal(heap.peek(), popped[0]);
    heap.clear();
    assert.equal(heap.size, 0);
    assert.equal(heap.peek(), undefined);
    assert(items.every((item) => item.index === -1 && !heap.remove(item)));
  }
});
