/**
 * The project's own lint rules:
 *
 * - `no-ambient`: time, chance and scheduling come from an `Env`, so that a test can replace them;
 * - `no-host`: so do sockets, files and processes;
 * - `no-bare-yield`: only one file suspends a thread, so the protocol of operations has one author.
 */

const ROOT = new URL("../../", import.meta.url).pathname;

const SCHEDULERS = new Set(["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]);

const AMBIENT_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["Date", new Set(["now"])],
  ["performance", new Set(["now", "timeOrigin"])],
  ["Temporal", new Set(["Now"])],
  ["AbortSignal", new Set(["timeout"])],
  ["Math", new Set(["random"])],
  ["crypto", new Set(["getRandomValues", "randomUUID"])],
  ["process", new Set(["hrtime", "nextTick"])],
]);

const AMBIENT_IMPORTS = new Set([
  "hrtime",
  "performance",
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
  "getRandomValues",
  "webcrypto",
]);

const TIMERS = /^(node:)?timers(\/.*)?$/;
const BUILTIN = /^(node:|(fs|net|tls|os|path|child_process|process|crypto|dgram|dns|timers)(\/|$))/;
const GLOBALS = new Set(["globalThis", "self", "window", "global"]);

/** The path of a file below the workspace, with `/`. */
export function pathInProject(filename: string): string {
  const path = filename.replaceAll("\\", "/").replace(/^file:\/\//, "");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path.replace(/^\/+/, "");
}

function mayBeAmbient(path: string): boolean {
  return /^(backends|tests|examples|(global|loop)\/cli)\//.test(path);
}

function mayTouchHost(path: string): boolean {
  // The plugin for users is typed by the linter it plugs into.
  return !/^(loop|coro|mp|global)\//.test(path) || /^(global|loop)\/cli\//.test(path) ||
    path === "coro/lint_plugin.ts";
}

function mayYield(path: string): boolean {
  return path === "loop/operation.ts" || /^(backends\/driven|tests)\//.test(path);
}

type Node = Deno.lint.Node;

/** The name a member expression asks for, when the text says it. */
function memberName(node: Deno.lint.MemberExpression): string | undefined {
  const { property } = node;
  if (!node.computed) return property.type === "Identifier" ? property.name : undefined;
  if (property.type === "Literal" && typeof property.value === "string") return property.value;
  if (property.type === "TemplateLiteral" && property.expressions.length === 0) {
    return property.quasis[0].cooked;
  }
  return undefined;
}

/** The global an expression names, directly or as a member of the global object. */
function globalName(node: Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (node.type !== "MemberExpression") return undefined;
  const { object } = node;
  return object.type === "Identifier" && GLOBALS.has(object.name) ? memberName(node) : undefined;
}

/** Whether an identifier stands for the value of a variable: not a key, a property or a name being made. */
function isReference(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as Node;
  switch (parent.type) {
    case "MemberExpression":
      return parent.object === node || parent.computed;
    case "Property":
      return parent.value === node && parent.parent.type === "ObjectExpression";
    case "MethodDefinition":
    case "PropertyDefinition":
      return (parent as { key: unknown }).key !== node || parent.computed;
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ExportSpecifier":
    case "LabeledStatement":
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "TSQualifiedName":
    case "TSTypeReference":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSAbstractMethodDefinition":
    case "TSAbstractPropertyDefinition":
      return false;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return (parent as { body: unknown }).body === node;
    case "VariableDeclarator":
      return parent.init === node;
    default:
      return true;
  }
}

function specifierOf(node: Node): string | undefined {
  if (
    node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration" ||
    node.type === "ExportNamedDeclaration"
  ) {
    return node.source?.value as string | undefined;
  }
  if (node.type === "ImportExpression") {
    const { source } = node;
    return source.type === "Literal" && typeof source.value === "string" ? source.value : undefined;
  }
  return undefined;
}

function importedNames(node: Deno.lint.ImportDeclaration): string[] {
  return node.specifiers.flatMap((one) =>
    one.type !== "ImportSpecifier"
      ? []
      : [one.imported.type === "Identifier" ? one.imported.name : String(one.imported.value)]
  );
}

const noAmbient: Deno.lint.Rule = {
  create(context) {
    if (mayBeAmbient(pathInProject(context.filename))) return {};
    const report = (node: Node, what: string): void =>
      context.report({
        node,
        message: `Cannot use \`${what}\` here: time, chance and scheduling come from the Env`,
        hint: "Take env.backend (now, time, timer, post) or env.random from the caller",
      });
    const module = (node: Node): void => {
      const specifier = specifierOf(node);
      if (specifier !== undefined && TIMERS.test(specifier)) report(node, specifier);
    };
    return {
      Identifier(node) {
        if (!isReference(node)) return;
        if (SCHEDULERS.has(node.name)) report(node, node.name);
        else if (node.name === "globalThis") {
          const parent = node.parent;
          const named = parent.type === "MemberExpression" && parent.object === node &&
            memberName(parent) !== undefined;
          // Destructuring is looked at by name below.
          const taken = parent.type === "VariableDeclarator" && parent.id.type === "ObjectPattern";
          if (!named && !taken) report(node, "globalThis as a value");
        }
      },
      MemberExpression(node) {
        const name = memberName(node);
        if (name === undefined) {
          const object = globalName(node.object);
          if (object !== undefined && AMBIENT_MEMBERS.has(object) && object !== "Math") {
            report(node, `${object}[…]`);
          }
          return;
        }
        if (name === "randomBytes") report(node, name);
        const object = globalName(node.object);
        if (object !== undefined && GLOBALS.has(object) && SCHEDULERS.has(name)) {
          report(node, `${object}.${name}`);
        } else if (object !== undefined && AMBIENT_MEMBERS.get(object)?.has(name)) {
          report(node, `${object}.${name}`);
        }
      },
      VariableDeclarator(node) {
        if (node.id.type !== "ObjectPattern" || !node.init) return;
        const object = globalName(node.init);
        if (object === undefined) return;
        for (const property of node.id.properties) {
          if (property.type !== "Property" || property.key.type !== "Identifier") continue;
          const { name } = property.key;
          const banned = GLOBALS.has(object)
            ? SCHEDULERS.has(name) || AMBIENT_MEMBERS.has(name)
            : AMBIENT_MEMBERS.get(object)?.has(name);
          if (banned) report(property, `${object}.${name}`);
        }
      },
      NewExpression(node) {
        if (node.arguments.length === 0 && globalName(node.callee) === "Date") {
          report(node, "new Date()");
        }
      },
      CallExpression(node) {
        if (globalName(node.callee) === "Date") report(node, "Date()");
      },
      ImportDeclaration(node) {
        module(node);
        if (!BUILTIN.test(node.source.value as string)) return;
        for (const name of importedNames(node)) {
          if (AMBIENT_IMPORTS.has(name)) report(node, name);
        }
      },
      ExportAllDeclaration: module,
      ExportNamedDeclaration: module,
      ImportExpression: module,
    };
  },
};

const noHost: Deno.lint.Rule = {
  create(context) {
    const path = pathInProject(context.filename);
    if (mayTouchHost(path)) return {};
    const report = (node: Node, what: string): void =>
      context.report({
        node,
        message: `Cannot use \`${what}\` here: the host is reached through the Env`,
        hint: "Take env.net or env.host from the caller",
      });
    const module = (node: Node): void => {
      const specifier = specifierOf(node);
      if (specifier === undefined || !BUILTIN.test(specifier)) return;
      if (specifier === "node:crypto" && path.startsWith("mp/wire/")) return;
      report(node, specifier);
    };
    return {
      Identifier(node) {
        if (!isReference(node)) return;
        if (node.name === "Deno" || node.name === "process") report(node, node.name);
      },
      TSQualifiedName(node) {
        if (node.left.type === "Identifier" && node.left.name === "Deno") report(node, "Deno");
      },
      MemberExpression(node) {
        const name = globalName(node);
        if (name === "Deno" || name === "process") report(node, name);
      },
      ImportDeclaration: module,
      ExportAllDeclaration: module,
      ExportNamedDeclaration: module,
      ImportExpression: module,
    };
  },
};

/** Whether the innermost function around a node is an async one: its `yield` is no suspension. */
function inAsyncGenerator(node: Deno.lint.YieldExpression): boolean {
  let at: Node = node.parent;
  while (at.type !== "Program") {
    if (at.type === "FunctionDeclaration" || at.type === "FunctionExpression") return at.async;
    at = (at as Deno.lint.YieldExpression).parent;
  }
  return false;
}

const noBareYield: Deno.lint.Rule = {
  create(context) {
    if (mayYield(pathInProject(context.filename))) return {};
    return {
      YieldExpression(node) {
        if (node.delegate || inAsyncGenerator(node)) return;
        context.report({
          node,
          message: "Cannot use a bare `yield` here: only loop/operation.ts suspends",
          hint: "`yield*` an operation, or `yield* suspend(…)`",
        });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "anyevent",
  rules: {
    "no-ambient": noAmbient,
    "no-host": noHost,
    "no-bare-yield": noBareYield,
  },
};

export default plugin;
