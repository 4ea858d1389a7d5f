/** What a page sends, checked before anything is made of it. */
import { AppError } from '#kernel/errors.ts';
import { isObject, stringAt, type JsonObject } from '#kernel/json.ts';
import type { ConsoleAction } from '../console/console-reports.ts';

const maxText = 2_048;

/** @throws {AppError} USAGE */
export function actionOf(body: unknown): ConsoleAction {
  const sent = isObject(body) ? body : {};
  switch (stringAt(sent, 'kind') ?? '') {
    case 'restart':
      return {
        kind: 'restart',
        namespace: textOf(sent, 'namespace'),
        workloadKind: textOf(sent, 'workloadKind'),
        name: textOf(sent, 'name'),
      };
    case 'ban_add':
      return {
        kind: 'ban_add',
        ...whomOf(sent),
        ...termsOf(sent),
      };
    case 'ban_lift':
      return { kind: 'ban_lift', ...whomOf(sent) };
    case 'ban_lift_shown':
      return { kind: 'ban_lift_shown', list: textOf(sent, 'list'), ban: textOf(sent, 'ban') };
    default:
      throw new AppError(
        'USAGE',
        'there is no such action: restart, ban_add, ban_lift, ban_lift_shown',
      );
  }
}

/** A member that must be a text. @throws {AppError} USAGE, without the text itself */
export function textOf(sent: JsonObject, key: string): string {
  const text = stringAt(sent, key);
  if (text === undefined || text === '' || text.length > maxText)
    throw new AppError('USAGE', `${key} must be a text of 1 to ${maxText} characters`);
  return text;
}

function whomOf(sent: JsonObject): {
  readonly list: string;
  readonly claim: string;
  readonly value: string;
} {
  return {
    list: textOf(sent, 'list'),
    claim: textOf(sent, 'claim'),
    value: textOf(sent, 'value'),
  };
}

/** What may be left out. */
function termsOf(sent: JsonObject): { readonly for?: string; readonly reason?: string } {
  const isSaid = (key: 'for' | 'reason'): boolean => (stringAt(sent, key) ?? '') !== '';
  return {
    ...(isSaid('for') ? { for: textOf(sent, 'for') } : {}),
    ...(isSaid('reason') ? { reason: textOf(sent, 'reason') } : {}),
  };
}
