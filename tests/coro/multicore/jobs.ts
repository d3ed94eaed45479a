/** Functions for workers, which import something. */
import { tripled } from "./jobs_part.ts";

export const triple = (n: number): number => tripled(n);

export default function (): string {
  return "default";
}
