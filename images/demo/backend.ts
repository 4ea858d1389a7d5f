/** The backend: `GET /accounts/<number>/<balance|profile|transactions>` as JSON. It knows nothing of tokens; its Envoy does. */
import { accounts } from './accounts.ts';
import type { Reply } from './reply.ts';

const parts = ['balance', 'profile', 'transactions'] as const;

/** @param path of the request, without the query */
export function backendReply(path: string): Reply {
  const [, root, number = '', wanted, ...rest] = path.split('/');
  const account = accounts.get(number);
  const part = parts.find((name) => name === wanted);
  if (root !== 'accounts' || account === undefined || part === undefined || rest.length > 0) {
    return json(404, { error: `there is nothing at ${path}` });
  }
  return json(200, account[part]);
}

function json(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
