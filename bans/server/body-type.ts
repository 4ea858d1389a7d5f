/** Whether a body is of the type that is read: before any of it is. */
import type { IncomingMessage } from 'node:http';
import { Problem } from '../service/problem.ts';

/** A request without a body passes. @throws {Problem} */
export function checkBodyType({ headers }: Pick<IncomingMessage, 'headers'>, wanted: string): void {
  const { 'content-length': length = '0', 'transfer-encoding': transfer } = headers;
  if (length === '0' && transfer === undefined) return;
  const { 'content-encoding': encoding = 'identity', 'content-type': given = '' } = headers;
  if (encoding.toLowerCase() !== 'identity')
    throw new Problem('body_type', 'send the body as it is, without Content-Encoding');
  const [type = '', ...parameters] = given.toLowerCase().split(';');
  const isUtf8 = parameters.every((each) => !isForeign(each.trim()));
  if (type.trim() !== wanted || !isUtf8)
    throw new Problem('body_type', `send the body with Content-Type: ${wanted}, in UTF-8`);
}

function isForeign(parameter: string): boolean {
  return parameter.startsWith('charset') && !/^charset="?utf-8"?$/.test(parameter);
}
