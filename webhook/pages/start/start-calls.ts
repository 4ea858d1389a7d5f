/** What the page asks of its own server. */
import type { SendRequest, StartOverview, RequestWay } from '../../dev/way-model.ts';

/** @throws {Error} with what to do when the server is gone, or refuses */
export async function fetchOverview(): Promise<StartOverview> {
  // Our own server answers with this shape.
  return (await ask('/api/start')) as StartOverview;
}

/** @throws {Error} as {@link fetchOverview} */
export async function sendRequest(asked: SendRequest): Promise<RequestWay> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
  };
  return (await ask('/api/send', init)) as RequestWay;
}

async function ask(path: string, init?: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Error('svidecar does not answer any more: start it again with npm start, and reload');
  }
  const value: unknown = await response.json();
  if (response.ok) return value;
  const said = typeof value === 'object' && value !== null && 'error' in value ? value.error : '';
  throw new Error(`svidecar refuses (HTTP ${response.status}): ${String(said)}`);
}
