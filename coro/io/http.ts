import { messageOf, PeerError, show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type Undo } from "@anyevent/loop";
import { checkSignal, limited, type WaitOptions } from "../limited.ts";
import { wait } from "../promise.ts";
import type { ThreadSteps } from "../thread.ts";

/** What makes requests: the global `fetch`, or one like it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of {@linkcode http}: those of `fetch`, limits, and what to make the request with. */
export interface HttpOptions extends Omit<RequestInit, "signal">, WaitOptions {
  /** Makes the request. Default: the global `fetch` at the time of the call. */
  readonly fetch?: Fetch;
  /** Bytes that a body may have, where it is read whole. Default 64 MiB. */
  readonly max?: number;
}

/** A response with its whole body. */
export interface HttpResponse {
  /** Whether the status is one of success. */
  readonly ok: boolean;
  /** The number of the status, as 404. */
  readonly status: number;
  /** Its text, as `"Not Found"`. */
  readonly statusText: string;
  /** What came with it. */
  readonly headers: Headers;
  /** Where it came from, after redirections. */
  readonly url: string;
  /** The body. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The body as UTF-8. */
  readonly text: string;
}

/** What {@linkcode http} has. */
export interface HttpApi {
  /**
   * Makes a request, and waits for the head of the response. Reading the body is the caller's: until then the
   * request is not over, and a cancel of the thread does not end it any more.
   *
   * @throws {PeerError} (when run) when there is no response
   * @throws {UsageError} when an option makes no sense
   */
  request(input: string | URL | Request, options?: HttpOptions): Operation<Response>;
  /**
   * Makes a request, and waits for all of the response. Its method is GET unless `options` say otherwise; any
   * status is a result.
   *
   * @throws {PeerError} (when run) when there is no response, it breaks off, or (`EMSGSIZE`) its body is longer
   * than `max`
   * @throws {UsageError} when an option makes no sense
   */
  get(input: string | URL | Request, options?: HttpOptions): Operation<HttpResponse>;
}

const MOST = 64 * 2 ** 20;

function nameOf(input: string | URL | Request): string {
  return typeof input === "object" && "url" in input ? input.url : String(input);
}

function peerError(input: string | URL | Request, thrown: unknown): unknown {
  // What a limit or the caller threw in is no fault of the peer.
  if (!(thrown instanceof TypeError) || thrown instanceof UsageError) return thrown;
  const { code } = (thrown.cause ?? {}) as { code?: unknown };
  return new PeerError(
    `Cannot fetch ${nameOf(input)}: ${messageOf(thrown)}`,
    typeof code === "string" ? code : "",
    { cause: thrown },
  );
}

function check(input: unknown, options: HttpOptions): void {
  if (typeof input !== "string" && !(typeof input === "object" && input !== null)) {
    throw new UsageError(`Cannot fetch ${show(input)}: it is neither a URL nor a request`);
  }
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot fetch: options ${show(options)} are no object`);
  }
  const { max, fetch, signal } = options;
  if (max !== undefined && !(typeof max === "number" && max >= 0)) {
    throw new UsageError(`Cannot fetch: max ${show(max)} is no number of bytes`);
  }
  if (fetch !== undefined && typeof fetch !== "function") {
    throw new UsageError(`Cannot fetch: fetch ${show(fetch)} is not a function`);
  }
  if (signal !== undefined) checkSignal(signal, "fetch");
}

/** Runs a request whose end, in any way but the good one, aborts it. */
function fetching<T>(
  input: string | URL | Request,
  options: HttpOptions,
  body: (response: Response) => ThreadSteps<T>,
): Operation<T> {
  check(input, options);
  const { fetch = globalThis.fetch as Fetch, max: _max, timeout, signal, ...init } = options;
  return limited(
    operation(() => `fetch(${nameOf(input)})`, function* () {
      const over = new AbortController();
      const forget = forward(input, over);
      let complete = false;
      try {
        const result = yield* body(
          yield* wait(fetch(input, { ...init, signal: over.signal })),
        );
        complete = true;
        return result;
      } catch (error) {
        throw peerError(input, error);
      } finally {
        forget();
        if (!complete) over.abort();
      }
    }),
    { timeout, signal },
  );
}

/** A request's own signal counts, too. */
function forward(input: string | URL | Request, over: AbortController): Undo {
  const signal = typeof input === "object" && "signal" in input ? input.signal : undefined;
  if (signal === undefined) return () => undefined;
  const abort = (): void => over.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  return () => signal.removeEventListener("abort", abort);
}

function* whole(
  input: string | URL | Request,
  response: Response,
  max: number,
): ThreadSteps<HttpResponse> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  if (reader !== undefined) {
    let complete = false;
    try {
      for (;;) {
        const { done, value } = yield* wait(reader.read());
        if (done) break;
        size += value.length;
        if (size > max) {
          throw new PeerError(
            `Cannot fetch ${nameOf(input)}: the body is longer than ${max} bytes`,
            "EMSGSIZE",
          );
        }
        chunks.push(value);
      }
      complete = true;
    } finally {
      // Of a body that the signal does not reach. Nobody waits for what comes of it.
      if (!complete) reader.cancel().then(undefined, () => undefined);
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  const { ok, status, statusText, headers, url } = response;
  return { ok, status, statusText, headers, url, bytes, text: new TextDecoder().decode(bytes) };
}

/**
 * HTTP for threads: `fetch` as an operation.
 *
 * A thread that is cancelled or thrown into, and a limit that is reached, abort the request. Needs the
 * permission to connect. Takes the place of `Coro::LWP`.
 *
 * @example
 * ```ts
 * import { async, http } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   const { status, text } = yield* http.get("data:,hello", { timeout: 10 });
 *   return `${status} ${text}`;
 * });
 * console.log(await thread.join()); // [ "200 hello" ]
 * ```
 */
export const http: HttpApi = {
  request: (input, options = {}) =>
    fetching(input, options, function* (response) {
      return response;
    }),
  get: (input, options = {}) =>
    fetching(input, options, (response) => whole(input, response, options.max ?? MOST)),
};
