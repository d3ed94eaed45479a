/** Functions for workers. */
export const twice = (n: number): number => 2 * n;

export const identity = (value: unknown): unknown => value;

export default function (): string {
  return "default";
}
