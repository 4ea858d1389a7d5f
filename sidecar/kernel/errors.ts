/** Coded errors, shared by all programs. Invariant: a message never holds a token, key or claim value. */
import type { Reason } from './reasons.ts';

/** Stable API: `docs/errors.md` lists each code with its HTTP status, exit code and policy; a test compares. */
export type ErrorCode =
  | 'ANNOTATION_INVALID'
  | 'ANNOTATION_UNKNOWN'
  | 'BUNDLE_INVALID'
  | 'CERTIFICATE_INVALID'
  | 'CLUSTER_UNREACHABLE'
  | 'CONFIGMAP_TAKEN'
  | 'CONFIG_INVALID'
  | 'CONTAINER_CONFLICT'
  | 'EDIT_IMPOSSIBLE'
  | 'ENVOY_CONFIG_INVALID'
  | 'ENVOY_CONFIG_NOT_FOUND'
  | 'ENVOY_CONTAINER_NOT_FOUND'
  | 'ENVOY_TOO_OLD'
  | 'FILE_UNREADABLE'
  | 'LISTENERS_AMBIGUOUS'
  | 'LISTEN_FAILED'
  | 'POD_UNFIT'
  | 'REVIEW_INVALID'
  | 'SPIFFE_ID_INVALID'
  | 'STATUS_INVALID'
  | 'STATUS_NEWER'
  | 'TEMPLATE_INVALID'
  | 'TEMPLATE_UNKNOWN'
  | 'TEXT_UNPARSABLE'
  | 'USAGE'
  | 'WORKLOAD_API_UNAVAILABLE';

interface AppErrorOptions extends ErrorOptions {
  readonly reason?: Reason | undefined;
}

/** Base of every error thrown on purpose. `code` is stable API; `message` is for people. */
export class AppError extends Error {
  readonly code: ErrorCode;
  override readonly name = 'AppError';
  /** Of a fault in somebody's file: what may be told of it to whoever may not read the file. */
  readonly reason: Reason | undefined;
  constructor(code: ErrorCode, message: string, options?: AppErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = options?.reason;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
