/** A failure at one place of the input; the rest is still processed. */
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
 * Turns an error thrown while one item was processed into a failure of that item. A bug of ours that one input
 * reveals must not keep the others from being processed.
 */
export function failureOf(thrown: unknown, what: string): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError(
    'EDIT_IMPOSSIBLE',
    `${what} cannot be processed (${messageOf(thrown)}): this is a bug in svidecar, please report it; the others are done`,
    { cause: thrown },
  );
}
