/** What both lists of proofs need: what a proof is, who is who, and what must be seen. */
import assert from 'node:assert/strict';
import { eventually, logOf, type Service } from './scene.ts';
import { visit, type Outcome } from './visitors.ts';

export interface Proof {
  readonly title: string;
  /** @returns figures for the line that tells of it. @throws {Error} where something is not so. */
  readonly prove: () => Promise<string>;
}

export const services: readonly Service[] = ['service-purple', 'service-gray'];

export function idOf(name: string): string {
  return `spiffe://example.org/${name}`;
}

export function pathOf(service: Service): string {
  return service.replace('service-', '/service/');
}

/** Waits for a line with all these words; logs are written within half a second. @param after where in the log to begin */
export async function logged(part: string, after: number, words: readonly string[]): Promise<void> {
  await eventually(`${part}'s log says ${words.join(', ')}`, () => {
    const lines = logOf(part).slice(after).split('\n');
    return Promise.resolve(lines.some((line) => words.every((word) => line.includes(word))));
  });
}

export async function isServed(service: Service): Promise<boolean> {
  const outcome = await visit(pathOf(service), { agent: false });
  return outcome.kind === 'answered' && outcome.status === 200;
}

export async function bothServed(): Promise<void> {
  for (const service of services) await eventually(`${service} answers`, () => isServed(service));
}

/** The service's page, with both identities of the handshake. */
export function expectPage(outcome: Outcome, service: Service): void {
  assert(outcome.kind === 'answered', JSON.stringify(outcome));
  assert.equal(outcome.status, 200);
  assert.match(outcome.body, new RegExp(`<h1>${service}</h1>`));
  assert.match(outcome.body, new RegExp(`"caller">${idOf('front-envoy')}<`));
  assert.match(outcome.body, new RegExp(`"own">${idOf(service)}<`));
}

/** front-envoy's own page, in place of the service's. */
export async function expectRefusal(service: Service): Promise<void> {
  const outcome = await visit(pathOf(service), { agent: false });
  assert(outcome.kind === 'answered', JSON.stringify(outcome));
  assert.equal(outcome.status, 503);
  assert.match(outcome.body, new RegExp(`<h1>${service} is not reached</h1>`));
}
