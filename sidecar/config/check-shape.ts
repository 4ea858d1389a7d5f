/** Configuration, templates and settings as people write them: YAML, held against a schema, with every fault in one line. */
import { LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { inOneLine } from '#kernel/text.ts';

export interface Shape<Value> {
  readonly schema: z.ZodType<Value>;
  /** What a value of another shape is refused with. */
  readonly code: ErrorCode;
}

/** @param where names the file in messages. @throws {AppError} the shape's code, naming every wrong key */
export function checkShape<Value>(value: unknown, shape: Shape<Value>, where: string): Value {
  const place = placeOfLost(value, '');
  if (place !== undefined)
    throw new AppError(
      shape.code,
      `${where}: a key called ${lostKey} at ${place} would be lost; give it another name`,
    );
  const parsed = shape.schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { error } = parsed;
  throw new AppError(shape.code, `${where}: ${inOneLine(z.prettifyError(error))}`, {
    cause: error,
  });
}

/**
 * {@link checkShape} of a text.
 * @throws {AppError} the shape's code, with line and column, or with every wrong key; also for aliases that multiply or hold
 * themselves, and for what nests too deep, which are found out only when they are followed
 */
export function readShape<Value>(text: string, shape: Shape<Value>, where: string): Value {
  try {
    return readText(text, shape, where);
  } catch (cause) {
    const why =
      cause instanceof ReferenceError
        ? cause.message
        : cause instanceof RangeError
          ? 'it nests too deep, or an alias is inside its own anchor'
          : undefined;
    if (why === undefined) throw cause;
    throw new AppError(shape.code, `${where}: cannot be read: ${inOneLine(why)}`, {
      cause,
      facts: { file: where },
    });
  }
}

function readText<Value>(text: string, shape: Shape<Value>, where: string): Value {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter });
  const fault = document.errors[0];
  if (fault === undefined) return checkShape(document.toJS(), shape, where);
  const { line, col: column } = lineCounter.linePos(fault.pos[0]);
  throw new AppError(shape.code, `${where}: ${fault.message} at line ${line}, column ${column}`, {
    cause: fault,
    facts: { file: where, line, column },
  });
}

/** The schema library leaves members of this name out of what it gives, and says nothing of it. */
const lostKey = '__proto__';

/** Where a value has such a member: `templates.own`. */
function placeOfLost(value: unknown, path: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, lostKey)) return path === '' ? 'the top' : path;
  for (const [key, member] of Object.entries(value)) {
    const place = placeOfLost(member, path === '' ? key : `${path}.${key}`);
    if (place !== undefined) return place;
  }
  return undefined;
}
