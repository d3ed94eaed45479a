import { inspect } from "./inspect.ts";

type Compiled = (...values: unknown[]) => Promise<unknown>;

const AsyncFunction = Object.getPrototypeOf(async function () {}).constructor as new (
  ...namesAndBody: string[]
) => Compiled;

function compile(names: readonly string[], text: string): Compiled {
  try {
    return new AsyncFunction(...names, `return (${text}\n);`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return new AsyncFunction(...names, text);
  }
}

/**
 * Runs a line of JavaScript: an expression, or statements.
 *
 * @param scope names it can use besides the globals
 * @returns the expression's value as text; that of a promise or operation once it is there
 */
export async function evaluate(
  text: string,
  scope: Readonly<Record<string, unknown>>,
): Promise<string> {
  const value = await compile(Object.keys(scope), text)(...Object.values(scope));
  return value === undefined ? "" : inspect(value);
}
