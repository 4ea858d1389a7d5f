/** A refusal of the API server that nobody has put into words on its way, as a failure with a code. */
import { AppError } from '#kernel/errors.ts';
import { isWithoutRight } from './api-words.ts';
import type { ApiRefusal } from './kubernetes-api.ts';

const notFound = 404;

/** CLUSTER_FORBIDDEN for a missing right, OBJECT_NOT_FOUND, and CLUSTER_UNREACHABLE for all else, in the server's own words. */
export function codedRefusal(refusal: ApiRefusal): AppError {
  const cause = { cause: refusal };
  if (isWithoutRight(refusal))
    return new AppError('CLUSTER_FORBIDDEN', `not allowed: ${refusal.said}`, cause);
  const code = refusal.status === notFound ? 'OBJECT_NOT_FOUND' : 'CLUSTER_UNREACHABLE';
  return new AppError(code, `the API server refuses it: ${refusal.message}`, cause);
}
