/** A failure that concerns one place of the input; the rest goes on. */
import { AppError } from '#kernel/errors.ts';

export interface Problem {
  /** Its message begins with `file:line`. */
  readonly error: AppError;
}

export interface Place {
  readonly source: { readonly name: string };
  readonly line: number;
}

/** The failure with `file:line` before its message. */
export function problemAt({ source, line }: Place, error: AppError): Problem {
  const message = `${source.name}:${line}: ${error.message}`;
  return { error: new AppError(error.code, message, { cause: error }) };
}
