/** Coded errors, shared by all programs. Invariant: a message never holds a token, key or claim value. */
import type { Reason } from './reasons.ts';

/** Stable API: `docs/errors.md` lists each code with its HTTP status, exit code and policy; a test compares. */
export type ErrorCode =
  | 'ANNOTATION_INVALID'
  | 'ANNOTATION_UNKNOWN'
  | 'BAN_INVALID'
  | 'BAN_LIST_INVALID'
  | 'BAN_STORE_FORBIDDEN'
  | 'BAN_STORE_FULL'
  | 'BAN_STORE_UNREACHABLE'
  | 'BUNDLE_INVALID'
  | 'CERTIFICATE_INVALID'
  | 'CLUSTER_FORBIDDEN'
  | 'CLUSTER_UNREACHABLE'
  | 'CONFIGMAP_TAKEN'
  | 'CONFIG_INVALID'
  | 'CONTAINER_CONFLICT'
  | 'EDIT_IMPOSSIBLE'
  | 'ENTRIES_INVALID'
  | 'ENVOY_CONFIG_INVALID'
  | 'ENVOY_CONFIG_NOT_FOUND'
  | 'ENVOY_CONTAINER_NOT_FOUND'
  | 'ENVOY_PRESENT'
  | 'ENVOY_TOO_OLD'
  | 'FILE_UNREADABLE'
  | 'ISTIO_UNFIT'
  | 'LABEL_MISSING'
  | 'LISTENERS_AMBIGUOUS'
  | 'LISTEN_FAILED'
  | 'OBJECT_NOT_FOUND'
  | 'POD_UNFIT'
  | 'REVIEW_INVALID'
  | 'SPIFFE_ID_INVALID'
  | 'SPIRE_FAILED'
  | 'SPIRE_FORBIDDEN'
  | 'SPIRE_UNREACHABLE'
  | 'STATUS_INVALID'
  | 'STATUS_NEWER'
  | 'TEMPLATE_INVALID'
  | 'TEMPLATE_UNKNOWN'
  | 'TEXT_UNPARSABLE'
  | 'USAGE'
  | 'WORKLOAD_API_UNAVAILABLE';

/** A place in a text; lines and columns count from 1. */
export interface FilePlace {
  /** As whoever reads the message knows it: a path, or `ConfigMap namespace/name key`. */
  readonly file: string;
  readonly line: number;
  readonly column?: number | undefined;
}

/** What a failure is about. Messages are made from facts; whoever needs one of them reads it here, never in a message. */
export interface ErrorFacts extends Partial<FilePlace> {
  /** The annotation that is to be changed, in full. */
  readonly key?: string | undefined;
  readonly container?: string | undefined;
}

interface AppErrorOptions extends ErrorOptions {
  readonly reason?: Reason | undefined;
  readonly facts?: ErrorFacts | undefined;
}

/** Base of every error thrown on purpose. `code` and `facts` are for programs; `message` is for people. */
export class AppError extends Error {
  readonly code: ErrorCode;
  override readonly name = 'AppError';
  /** Of a fault in somebody's file: what may be told of it to whoever may not read the file. */
  readonly reason: Reason | undefined;
  readonly facts: ErrorFacts;
  constructor(code: ErrorCode, message: string, options?: AppErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = options?.reason;
    this.facts = options?.facts ?? {};
  }
}

/** `file:line:column`, as editors and terminals understand it. */
export function placeText({ file, line, column }: FilePlace): string {
  return column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`;
}

/** A failure at a place of a text: its message begins with the place. @param fault `why` is the rest of the message */
export function failureAt(
  code: ErrorCode,
  place: FilePlace,
  { why, facts, ...options }: AppErrorOptions & { readonly why: string },
): AppError {
  return new AppError(code, `${placeText(place)}: ${why}`, {
    ...options,
    facts: { ...facts, ...place },
  });
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
