/** Facts that the API server gives only in prose: parsed here, where its answers arrive, so that the rest has values. */
import type { ApiRefusal } from './kubernetes-api.ts';

/** Why a Pod was refused. */
export type PodRefusal =
  | 'not_permitted'
  | 'policy'
  | 'webhook_nowhere'
  | 'webhook_unreachable'
  | 'webhook_untrusted'
  | 'other';

/** Nothing can be created in a namespace that is being deleted. */
export function isNamespaceEnding({ status, message }: ApiRefusal): boolean {
  return status === 404 || (status === 403 && /being terminated/.test(message));
}

/** A port-forward is refused without words. */
const withoutWords = /^cannot forward .*: HTTP status 403$/;

/** Refused because the user lacks a right, not by admission, which answers 403 too. */
export function isWithoutRight({ status, said }: ApiRefusal): boolean {
  return status === 403 && (/ cannot [a-z]+ resource "/.test(said) || withoutWords.test(said));
}

/** What a policy demands of an object, in the words of its author. */
export function demandedOf({ message }: ApiRefusal): 'annotations' | 'labels' | undefined {
  const demanded = /\b(label|annotation)/i.exec(message)?.[1]?.toLowerCase();
  if (demanded === undefined) return undefined;
  return demanded === 'label' ? 'labels' : 'annotations';
}

export function podRefusalOf({ message }: ApiRefusal): PodRefusal {
  if (/cannot create resource "pods"/.test(message)) return 'not_permitted';
  if (/failed calling webhook|failed to call webhook/.test(message)) {
    if (/x509|certificate|tls/i.test(message)) return 'webhook_untrusted';
    return /no endpoints|not found|connection refused/i.test(message)
      ? 'webhook_nowhere'
      : 'webhook_unreachable';
  }
  return /ValidatingAdmissionPolicy/.test(message) ? 'policy' : 'other';
}

/** The HTTP status by which a WebSocket was refused: the library has no other answer than the words of its WebSocket. */
export function webSocketStatus(message: string): number | undefined {
  const status = /^Unexpected server response: (\d{3})$/.exec(message)?.[1];
  return status === undefined ? undefined : Number(status);
}
