/**
 * A plugin for `deno lint` that finds blocking calls nobody runs.
 *
 * A call that may block returns an operation; without `yield*` or `await` it does nothing, silently, and
 * yielded without the star it is an error at run time.
 * Put it into `deno.json`:
 *
 * ```json
 * { "lint": { "plugins": ["jsr:@anyevent/coro/lint"] } }
 * ```
 *
 * The rule `anyevent-coro/no-dropped-operation` flags, as a statement of its own:
 *
 * - a blocking function imported from an `@anyevent` package (`cede()`, `sleep(1)`, `AE.sleep(1)`);
 * - a blocking method of an object that the file visibly got from such a package
 *   (`const ch = new Channel()` … `ch.get()`);
 * - a method whose name says enough (`recv`, `syncal`, …), in files that import such a package.
 *
 * What gives (`put`, `up`, `send`) has its effect at once and is not flagged.
 *
 * The same rule flags `yield` without the star of any of these calls, and of `put`.
 *
 * @module
 */

/** Exported functions that do nothing until run. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  "cede",
  "cedeNotself",
  "get",
  "getCond",
  "getTimeout",
  "idle",
  "idleUpto",
  "pin",
  "poll",
  "readable",
  "receive",
  "rouseWait",
  "schedule",
  "select",
  "sleep",
  "suspend",
  "syncal",
  "terminate",
  "wait",
  "waitIdle",
  "within",
  "writable",
]);

/** Methods that do nothing until run, on objects known to be ours. */
const METHODS: ReadonlySet<string> = new Set([
  "acquire",
  "cedeTo",
  "down",
  "each",
  "eof",
  "get",
  "guard",
  "join",
  "lock",
  "rdGuard",
  "rdlock",
  "read",
  "readPartial",
  "readable",
  "readline",
  "recv",
  "recvAll",
  "scheduleTo",
  "transfer",
  "wait",
  "withGuard",
  "withRdlock",
  "withWrlock",
  "wrGuard",
  "writable",
  "wrlock",
]);

/** Methods that need not be run, but return an operation: yielding it without the star is wrong too. */
const GIVING_METHODS: ReadonlySet<string> = new Set([
  "next",
  "print",
  "printf",
  "put",
  "write",
]);

/** Methods that nobody else's objects are likely to have. */
const TELLING_METHODS: ReadonlySet<string> = new Set([
  "getCond",
  "recv",
  "recvAll",
  "rouseWait",
  "syncal",
]);

const OURS = /^(jsr:\/?|npm:\/?(@jsr\/anyevent__|)|)@?anyevent(__|\/)/;

function isOurs(specifier: unknown): boolean {
  return typeof specifier === "string" && OURS.test(specifier);
}

function nameOf(node: Deno.lint.Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  return node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

function create(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  /** Local name of what was imported from us → its exported name. */
  const imported = new Map<string, string>();
  const namespaces = new Set<string>();
  /** Variables that hold an object of ours. */
  const objects = new Set<string>();

  /** The exported name of the function of ours that an expression calls. */
  function ourFunction(callee: Deno.lint.Node): string | undefined {
    if (callee.type === "Identifier") return imported.get(callee.name);
    if (callee.type !== "MemberExpression" || callee.computed) return undefined;
    const { object, property } = callee;
    if (object.type !== "Identifier") return undefined;
    const name = nameOf(property);
    if (namespaces.has(object.name)) return name;
    // `AE` is a namespace object that is imported by name; its `idle` makes a watcher.
    return imported.get(object.name) === "AE" && name !== "idle" ? name : undefined;
  }

  function isOurMethod(callee: Deno.lint.Node, more?: ReadonlySet<string>): boolean {
    if (callee.type !== "MemberExpression" || callee.computed) return false;
    if (imported.size === 0 && namespaces.size === 0) return false;
    const method = nameOf(callee.property);
    if (method === undefined) return false;
    if (TELLING_METHODS.has(method)) return true;
    const { object } = callee;
    return object.type === "Identifier" && objects.has(object.name) &&
      (METHODS.has(method) || more?.has(method) === true);
  }

  return {
    ImportDeclaration(node): void {
      if (!isOurs(node.source.value)) return;
      for (const one of node.specifiers) {
        if (one.type === "ImportSpecifier") {
          imported.set(one.local.name, nameOf(one.imported) ?? one.local.name);
        } else namespaces.add(one.local.name);
      }
    },
    VariableDeclarator(node): void {
      if (node.id.type !== "Identifier" || !node.init) return;
      const { init } = node;
      if (init.type !== "NewExpression" && init.type !== "CallExpression") return;
      if (ourFunction(init.callee) !== undefined) objects.add(node.id.name);
    },
    YieldExpression(node): void {
      const call = node.argument;
      if (node.delegate || call?.type !== "CallExpression") return;
      const name = ourFunction(call.callee);
      const ours = name !== undefined && FUNCTIONS.has(name);
      if (!ours && !isOurMethod(call.callee, GIVING_METHODS)) return;
      const text = context.sourceCode.getText(call.callee);
      const end = node.range[0] + "yield".length;
      context.report({
        node,
        message: `\`yield ${text}()\` lacks its star: the thread gets an error instead of waiting`,
        hint: `\`yield* ${text}()\``,
        fix: (fixer) => fixer.insertTextAfterRange([node.range[0], end], "*"),
      });
    },
    ExpressionStatement(node): void {
      const call = node.expression;
      if (call.type !== "CallExpression") return;
      const name = ourFunction(call.callee);
      if (!(name !== undefined && FUNCTIONS.has(name)) && !isOurMethod(call.callee)) return;
      if (name === undefined && registers(call)) return;
      const run = runner(node);
      const text = context.sourceCode.getText(call.callee);
      context.report({
        node,
        message: `\`${text}()\` does nothing by itself: it returns an operation`,
        hint: "`yield*` it in a thread, `await` it elsewhere",
        fix: (fixer) => run === undefined ? [] : fixer.insertTextBefore(call, run),
      });
    },
  };
}

/** Whether it is a `wait(callback)`, which calls back instead of blocking. */
function registers({ callee, arguments: given }: Deno.lint.CallExpression): boolean {
  if (callee.type !== "MemberExpression" || nameOf(callee.property) !== "wait") return false;
  return given.length > 0 && given[0].type !== "ObjectExpression";
}

/** What would run an operation here; nothing does in a plain function. */
function runner(node: Deno.lint.ExpressionStatement): "yield* " | "await " | undefined {
  let at = node.parent as Deno.lint.Node;
  while (at.type !== "Program") {
    if (
      at.type === "FunctionDeclaration" || at.type === "FunctionExpression" ||
      at.type === "ArrowFunctionExpression"
    ) {
      if (at.async) return "await ";
      return at.type !== "ArrowFunctionExpression" && at.generator ? "yield* " : undefined;
    }
    at = (at as Deno.lint.YieldExpression).parent;
  }
  return "await ";
}

/**
 * The plugin; `deno lint` loads it by the name of its module.
 *
 * @example
 * ```ts
 * import plugin from "@anyevent/coro/lint";
 *
 * console.log(Object.keys(plugin.rules)); // [ "no-dropped-operation" ]
 * ```
 */
const plugin: Deno.lint.Plugin = {
  name: "anyevent-coro",
  rules: { "no-dropped-operation": { create } },
};

export default plugin;
