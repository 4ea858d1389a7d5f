/** The Kubernetes API as this folder uses it: JSON in, JSON out, and event streams. */
import type { JsonObject } from '#kernel/json.ts';

/** One line of a watch. @see meta/v1 WatchEvent */
export interface WatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

export interface WatchCall {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onEvent: (event: WatchEvent) => void;
}

/** All paths begin with a slash and include their query. Failures: {@link ApiRefusal}, or AppError CLUSTER_UNREACHABLE. */
export interface KubernetesApi {
  /** @param maxBytes of the answer; a longer one is {@link AnswerTooLarge} */
  get(path: string, signal: AbortSignal, maxBytes?: number): Promise<JsonObject>;
  /** Server-side apply as `svidecar`, forced: our fields become what the object says. */
  apply(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** A new object in the list at `path`; ApiRefusal 409 when it exists. */
  create(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** Replaces the whole object; ApiRefusal 409 unless its resourceVersion is still the newest. */
  replace(path: string, object: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** Strategic merge; ApiRefusal 409 unless the resourceVersion in `change` is still the newest. */
  merge(path: string, change: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** @param preconditions the object must still have this uid and version */
  remove(
    path: string,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** Resolves when the server ends the stream. Rejects when it breaks, or stays silent for too long. */
  watch(call: WatchCall): Promise<void>;
}

/** A response is longer than what we read at once: it was not read to its end. */
export class AnswerTooLarge extends Error {}

/** The API server answered, with an error. */
export class ApiRefusal extends Error {
  readonly status: number;
  /** Status `reason`, such as `Expired` or `Conflict`. */
  readonly reason: string;
  /** Seconds the server asks us to wait. */
  readonly retryAfterS: number | undefined;
  /** The server's own words; the message also names the request. */
  readonly said: string;
  constructor(
    status: number,
    reason: string,
    said: { message: string; call?: string; retryAfterS?: number },
  ) {
    super(said.call === undefined ? said.message : `${said.call}: ${said.message}`);
    this.said = said.message;
    this.status = status;
    this.reason = reason;
    this.retryAfterS = said.retryAfterS;
  }
}
