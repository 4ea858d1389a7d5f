/** Templates and configuration are read at each start, before anything is answered: usual YAML goes without the parser. */
import { checkShape, readShape, type Shape } from '../../sidecar/config/check-shape.ts';
import { usualValue } from '../editing/usual-value.ts';

/** As {@link readShape}, which reads what is not usual, and alone says what is wrong. @throws {AppError} the shape's code */
export function readUsualShape<Value>(text: string, shape: Shape<Value>, where: string): Value {
  const value = usualValue(text);
  return value === undefined ? readShape(text, shape, where) : checkShape(value, shape, where);
}
