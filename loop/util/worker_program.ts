/** What is sent to a worker, as the first of four. */
export const DEFINE = 0;
/** See {@linkcode DEFINE}. */
export const RUN = 1;
/** See {@linkcode DEFINE}. */
export const RUN_ONE = 2;
/** See {@linkcode DEFINE}. */
export const RUN_CONTEXT = 3;
/** See {@linkcode DEFINE}. */
export const ABORT = 4;
/** See {@linkcode DEFINE}. */
export const FORGET = 5;

/** What comes from a worker: the second of three. The job gave a value, */
export const VALUE = 0;
/** threw, */
export const ERROR = 1;
/** tells how far it is, */
export const PROGRESS = 2;
/** or had been taken back. */
export const SKIPPED = 3;

/** States of a slot, shared. Sent, */
export const QUEUED = 1;
/** claimed by the worker, */
export const BEGUN = 2;
/** taken back by the pool, */
export const WITHDRAWN = 3;
/** begun and told to end. */
export const ABORTED = 4;

const NAMES = {
  DEFINE,
  RUN_ONE,
  RUN_CONTEXT,
  ABORT,
  FORGET,
  VALUE,
  ERROR,
  PROGRESS,
  SKIPPED,
  QUEUED,
  BEGUN,
  ABORTED,
};
const constants = Object.entries(NAMES).map(([name, value]) => `const ${name} = ${value};`);

/**
 * The program of a pool's worker: runs jobs one after another.
 *
 * It gets the shared states of its slots first, as `{ slots }`, then flat arrays, which cost least to copy, of
 * `DEFINE, function, source | undefined, [module, name]`, `RUN, slot, function, args` (`RUN_ONE`: the only
 * argument itself; `RUN_CONTEXT`: it gets a context, too), `ABORT, slot, 0, 0` and `FORGET, 0, 0, 0` (all
 * definitions). It posts flat arrays of `slot, kind, value`.
 *
 * A job is claimed before it runs: by then it may have been taken back. Results of quick jobs are posted
 * together: when there is nothing more to do, some are ready, the oldest waits for a millisecond, or a job
 * comes that waits, or whose function is not known to be quick.
 */
export const WORKER_PROGRAM: string = `
${constants.join("\n")}
const now = performance.now.bind(performance);
const load = Atomics.load;
const functions = new Map();
const controllers = new Map();
let slots;
let queue = [];
let busy = false;
let outbox = [];
let oldest = 0;

const plain = (thrown, depth = 0) => {
  if (!(thrown instanceof Error)) {
    try {
      return { thrown: structuredClone(thrown) };
    } catch {
      return { thrown: String(thrown) };
    }
  }
  const { name, message, stack, code, cause, errors } = thrown;
  return {
    name: String(name),
    message: String(message),
    stack: typeof stack === "string" ? stack : undefined,
    code: typeof code === "string" || typeof code === "number" ? code : undefined,
    cause: Object.hasOwn(thrown, "cause") && depth < 8 ? plain(cause, depth + 1) : undefined,
    errors: thrown instanceof AggregateError && Array.isArray(errors) && depth < 2
      ? errors.slice(0, 100).map((each) => plain(each, depth + 1))
      : undefined,
  };
};

const flush = () => {
  if (outbox.length === 0) return;
  const all = outbox;
  outbox = [];
  try {
    host.post(all, []);
  } catch {
    for (let i = 0; i < all.length; i += 3) postOne(all[i], all[i + 1], all[i + 2], []);
  }
};

const postOne = (slot, kind, value, transfer) => {
  try {
    host.post([slot, kind, value], transfer);
  } catch (thrown) {
    host.post([slot, ERROR, plain(thrown)], []);
  }
};

const tell = (slot, kind, value) => {
  if (outbox.length === 0) oldest = now();
  outbox.push(slot, kind, value);
  if (outbox.length >= 768) flush();
};

const find = async ({ source, module, name }) => {
  if (module === undefined) return (0, eval)("(" + source + "\\n)");
  const found = (await import(module))[name];
  if (typeof found === "function") return found;
  throw new TypeError("Cannot run job: " + module + " exports no function " + name);
};

const contextOf = (slot, transfer) => {
  const controller = new AbortController();
  controllers.set(slot, controller);
  return {
    signal: controller.signal,
    get cancelled() {
      return load(slots, slot) === ABORTED;
    },
    progress: (value, list = []) => {
      flush();
      host.post([slot, PROGRESS, value], list);
    },
    transfer: (...list) => void transfer.push(...list),
  };
};

// Without an await for what does not wait.
const run = (job) => {
  const { slot, known, args } = job;
  if (Atomics.compareExchange(slots, slot, QUEUED, BEGUN) !== QUEUED) {
    tell(slot, SKIPPED, undefined);
    return undefined;
  }
  if (known.call === undefined || job.context) return runSlowly(job);
  const begin = now();
  if (outbox.length > 0 && (begin - oldest > 1 || !(known.cost < 0.2))) flush();
  try {
    const { call } = known;
    const value = call(...args);
    if (typeof value === "object" && value !== null && typeof value.then === "function") {
      flush();
      return settle(slot, value);
    }
    tell(slot, VALUE, value);
  } catch (thrown) {
    tell(slot, ERROR, plain(thrown));
  }
  const took = now() - begin;
  known.cost = took > known.cost * 0.9 ? took : known.cost * 0.9;
  return undefined;
};

const settle = async (slot, promise) => {
  try {
    tell(slot, VALUE, await promise);
  } catch (thrown) {
    tell(slot, ERROR, plain(thrown));
  }
};

const runSlowly = async ({ slot, known, args, context }) => {
  flush();
  const transfer = [];
  try {
    const call = known.call ??= await find(known);
    const value = context
      ? await call(...args, contextOf(slot, transfer))
      : await call(...args);
    if (transfer.length > 0) postOne(slot, VALUE, value, transfer);
    else tell(slot, VALUE, value);
  } catch (thrown) {
    tell(slot, ERROR, plain(thrown));
  } finally {
    controllers.delete(slot);
  }
};

const work = async () => {
  if (busy) return;
  busy = true;
  while (queue.length > 0) {
    const all = queue;
    queue = [];
    for (const job of all) {
      const waits = run(job);
      if (waits !== undefined) await waits;
    }
  }
  flush();
  busy = false;
};

host.receive((batch) => {
  if (slots === undefined) {
    slots = batch.slots;
    return;
  }
  for (let i = 0; i < batch.length; i += 4) {
    const kind = batch[i];
    const a = batch[i + 1];
    const b = batch[i + 2];
    const c = batch[i + 3];
    if (kind === DEFINE) {
      functions.set(a, { source: b, module: c[0], name: c[1], call: undefined, cost: 1 });
    } else if (kind === ABORT) controllers.get(a)?.abort();
    else if (kind === FORGET) functions.clear();
    else {
      const args = kind === RUN_ONE ? [c] : c;
      queue.push({ slot: a, known: functions.get(b), args, context: kind === RUN_CONTEXT });
    }
  }
  void work();
});
`;

/** What a job threw, as it travels. */
export interface PlainError {
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: PlainError;
  /** Of an `AggregateError`. */
  readonly errors?: readonly PlainError[];
  /** What was thrown, if it was no `Error`. */
  readonly thrown?: unknown;
}

const CLASSES: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** What a job threw, as an `Error` of this thread. */
export function errorFrom(plain: PlainError): Error {
  if ("thrown" in plain) {
    return new Error(`a worker threw ${String(plain.thrown)}`, { cause: plain.thrown });
  }
  const { name = "Error", message = "", stack, code, cause, errors } = plain;
  const error = errors !== undefined
    ? new AggregateError(errors.map(valueFrom), message)
    : new (Object.hasOwn(CLASSES, name) ? CLASSES[name] : Error)(message);
  if (error.name !== name) {
    Object.defineProperty(error, "name", { value: name, configurable: true });
  }
  if (stack !== undefined) error.stack = stack;
  if (code !== undefined) Object.assign(error, { code });
  if (cause !== undefined) {
    const value = valueFrom(cause);
    Object.defineProperty(error, "cause", { value, configurable: true, writable: true });
  }
  return error;
}

/** What an error refers to may be anything. */
function valueFrom(plain: PlainError): unknown {
  return "thrown" in plain ? plain.thrown : errorFrom(plain);
}
