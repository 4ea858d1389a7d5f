/** Which requests are sent to a generated Envoy. */
import { hosts, paths, sources } from './incoming.ts';
import type { Generated } from './rig.ts';
import type { Probe } from './world.ts';

const preflight = { origin: 'http://a.test', 'access-control-request-method': 'GET' };

/** To every address from every source: each path and host, and each kind of request. @param run makes their names unique */
export function incomingProbes({ listeners }: Generated, run: string): readonly Probe[] {
  const ends = listeners.flatMap((port) => sources.map((source) => ({ port, source })));
  return ends.flatMap((end): readonly Probe[] => {
    const probe = (kind: Probe['kind'], path: string, more: Partial<Probe> = {}): Probe => {
      const { host = hosts[0], method = 'GET' } = more;
      const name = `${run} ${kind} ${method} ${end.port} from ${end.source} to ${host}${path}`;
      return { ...end, kind, path, host, name, ...more };
    };
    return [
      ...paths.flatMap((path) => hosts.map((host) => probe('http1', path, { host }))),
      ...['/', '/public', '/ws'].map((path) => probe('websocket', path)),
      ...['/', '/public'].map((path) => probe('http2', path)),
      probe('http1', '/', { method: 'POST' }),
      probe('http1', '/', { method: 'OPTIONS', headers: preflight }),
      probe('connect', '/'),
      probe('tunnelled', '/public'),
    ];
  });
}
