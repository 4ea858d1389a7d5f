/**
 * An AdmissionReview in, an AdmissionReview out. Nothing is written anywhere, so dry runs need no special case.
 * @see Kubernetes admission.k8s.io/v1 AdmissionReview
 */
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { printable } from '#kernel/text.ts';
import type { Operation } from '../editing/operation.ts';
import { kindNamed } from '../objects/kinds.ts';
import { traceText, type TraceStep } from '../injection/trace.ts';
import { decide, type Decision, type DecisionContext } from './decide.ts';

/** What admission says about one AdmissionReview. Labels are bounded sets: they become metric labels. */
export interface ReviewAnswer {
  /** The whole AdmissionReview to send back (`admission.k8s.io/v1`). */
  readonly body: JsonObject;
  /** Kind of the reviewed object, one of those we know or `other`. */
  readonly kind: string;
  readonly decision: Decision['kind'] | 'ignored';
  /** Stable id of the reason. */
  readonly reason: string;
}

export type ReviewContext = Omit<DecisionContext, 'namespace' | 'before'>;

/** Kubernetes allows a warning any length but shows all of them only up to 4096 bytes together. */
const maxWarningLength = 700;
const maxWarnings = 5;
/** Characters of a refusal: it may quote names, and a stranger's may be of any length. */
const maxRefusalLength = 4_096;
/** Characters: an audit log is kept for years, and a configuration may have hundreds of listeners. */
const maxTraceLength = 4_096;

/** @throws {AppError} REVIEW_INVALID when the body is not an AdmissionReview of a known version */
export function review(body: unknown, context: ReviewContext): ReviewAnswer {
  const request = requestOf(body);
  const uid = stringAt(request, 'uid') ?? '';
  const object = request['object'];
  const kind = stringAt(objectAt(request, 'kind'), 'kind') ?? '';
  const label = kindNamed(kind)?.kind ?? 'other';
  if (!isObject(object) || request['operation'] === 'DELETE') {
    return {
      body: answer(uid, { allowed: true }),
      kind: label,
      decision: 'ignored',
      reason: 'no_object',
    };
  }
  const before = request['oldObject'];
  const decision = decide(withKind(object, request), {
    ...context,
    namespace: stringAt(request, 'namespace') ?? '',
    before: isObject(before) ? before : undefined,
  });
  return {
    body: answer(uid, responseTo(decision)),
    kind: label,
    decision: decision.kind,
    reason: reasonOf(decision),
  };
}

function requestOf(body: unknown): JsonObject {
  if (!isObject(body) || body['kind'] !== 'AdmissionReview') {
    throw invalid('the body is not an AdmissionReview: it has another "kind"');
  }
  if (body['apiVersion'] !== 'admission.k8s.io/v1') {
    throw invalid(
      'only admission.k8s.io/v1 is supported; set admissionReviewVersions: [v1] in the webhook configuration',
    );
  }
  const request = body['request'];
  if (!isObject(request)) throw invalid('the AdmissionReview has no "request"');
  if (typeof request['uid'] !== 'string' || request['uid'] === '') {
    throw invalid('the AdmissionReview has no "request.uid", so it cannot be answered');
  }
  return request;
}

function invalid(message: string): AppError {
  return new AppError('REVIEW_INVALID', message);
}

/** The API server may leave apiVersion and kind out of the object: the request names them. */
function withKind(object: JsonObject, request: JsonObject): JsonObject {
  if (object['kind'] !== undefined && object['apiVersion'] !== undefined) return object;
  const kind = objectAt(request, 'kind');
  const group = stringAt(kind, 'group') ?? '';
  const version = stringAt(kind, 'version') ?? '';
  return {
    ...object,
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind: kind['kind'] ?? '',
  };
}

function answer(uid: string, response: JsonObject): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...response },
  };
}

function responseTo(decision: Decision): JsonObject {
  const notes = { ...warningsOf(decision), auditAnnotations: auditOf(decision) };
  switch (decision.kind) {
    case 'refused':
      return {
        allowed: false,
        auditAnnotations: auditOf(decision),
        status: {
          code: 422,
          reason: 'Invalid',
          message: `${shortened(printable(decision.message), maxRefusalLength)} [${decision.code}]`,
        },
      };
    case 'injected':
    case 'uninjected':
      return { allowed: true, ...notes, ...patch(decision.operations) };
    case 'unchanged':
      return { allowed: true, ...notes, ...patch(decision.operations) };
    case 'skipped':
      return { allowed: true, ...notes };
    default:
      return decision satisfies never;
  }
}

function patch(operations: readonly Operation[]): JsonObject {
  if (operations.length === 0) return {};
  const text = JSON.stringify(operations);
  return { patchType: 'JSONPatch', patch: Buffer.from(text).toString('base64') };
}

/** The outcome and what needs attention, as warnings for the user; nothing where nothing happened. */
function warningsOf(decision: Decision): JsonObject {
  const outcome =
    decision.kind === 'injected' || decision.kind === 'uninjected' ? decision.kind : undefined;
  const shown = decision.steps.filter((step) => step.level === 'warning' || step.id === outcome);
  if (shown.length === 0) return {};
  const lines = shown.slice(0, maxWarnings).map((step) => `svidecar: ${clipped(step)}`);
  const left = shown.length - lines.length;
  return {
    warnings: left > 0 ? [...lines, `svidecar: and ${left} more; see svidecar explain`] : lines,
  };
}

/** One line: the API server drops a warning that holds a control character. */
function clipped({ message }: TraceStep): string {
  return shortened(printable(message), maxWarningLength);
}

function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The API server puts the webhook's name before each key. */
function auditOf(decision: Decision): Readonly<Record<string, Json>> {
  const text = traceText(decision.steps);
  const trace = shortened(text, maxTraceLength);
  return { decision: decision.kind, reason: reasonOf(decision), trace };
}

function reasonOf(decision: Decision): string {
  switch (decision.kind) {
    case 'skipped':
      return decision.reason;
    case 'refused':
      return decision.code satisfies ErrorCode;
    case 'injected':
    case 'uninjected':
    case 'unchanged':
      return decision.steps.at(-1)?.id ?? decision.kind;
    default:
      return decision satisfies never;
  }
}
