/** A failure that concerns one place of the input; the rest goes on. */
import { AppError, messageOf } from '#kernel/errors.ts';

export interface InputProblem {
  /** Its message begins with `file:line`. */
  readonly error: AppError;
}

export interface Place {
  readonly source: { readonly name: string };
  readonly line: number;
}

/** The failure with `file:line` before its message. */
export function problemAt({ source, line }: Place, error: AppError): InputProblem {
  const message = `${source.name}:${line}: ${error.message}`;
  return { error: new AppError(error.code, message, { cause: error, facts: error.facts }) };
}

/**
 * What was thrown while one thing was worked on, as that thing's own failure. A mistake of ours, that one input brings
 * to light, must not keep the others from being carried out.
 */
export function failureOf(thrown: unknown, what: string): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError(
    'EDIT_IMPOSSIBLE',
    `${what} cannot be processed (${messageOf(thrown)}): this is a bug in svidecar, please report it; the others are done`,
    { cause: thrown },
  );
}
