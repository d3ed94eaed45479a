function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Freezes plain objects and arrays all the way down; bytes, and objects of classes, stay as they are. What is
 * frozen already is not looked into.
 */
export function deepFreeze(root: unknown): void {
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null || Object.isFrozen(value)) continue;
    if (!isPlain(value)) continue;
    Object.freeze(value);
    for (const key of Object.keys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      // An accessor is not called.
      if (property !== undefined && "value" in property) waiting.push(property.value);
    }
  }
}
