/** What the jobs import. */
export function tripled(n: number): number {
  return 3 * n;
}
