/** Whether what a service for bans listens on goes with who may ask it: it must not open a door that nobody meant. */

/** What a listener answers: the list of bans itself, whether a request is banned, and providers' logouts. */
export type ServedPart = 'bans' | 'check' | 'logout';

interface Listener {
  readonly host: string;
  readonly tls?: unknown;
  readonly serves?: readonly ServedPart[] | undefined;
}

interface Asked {
  readonly listen: readonly Listener[];
  readonly callers?: { readonly audiences?: readonly string[] | undefined } | undefined;
  readonly check?: { readonly allow?: readonly string[] | undefined } | undefined;
  readonly logout?: readonly unknown[] | undefined;
  readonly insecureNoAuthentication?: true | undefined;
}

export interface SettingsFault {
  readonly message: string;
  readonly path: readonly (string | number)[];
}

/** Addresses that only the machine, or the pod, itself reaches. */
const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/** Everything that a listener without `serves` answers. */
export function configuredIn({
  callers,
  check,
  logout,
  insecureNoAuthentication,
}: Omit<Asked, 'listen'>): readonly ServedPart[] {
  return [
    ...(callers === undefined && insecureNoAuthentication === undefined ? [] : ['bans' as const]),
    ...(check === undefined ? [] : ['check' as const]),
    ...(logout === undefined ? [] : ['logout' as const]),
  ];
}

export function listenerFaults(asked: Asked): readonly SettingsFault[] {
  return [
    ...faultsOfAll(asked),
    ...asked.listen.flatMap((listener, at) =>
      faultsOfOne(listener, asked).map((message) => ({ message, path: ['listen', at] })),
    ),
  ];
}

function faultsOfAll(asked: Asked): readonly SettingsFault[] {
  const { callers, insecureNoAuthentication, listen } = asked;
  const faults: SettingsFault[] = [];
  const configured = configuredIn(asked);
  if (configured.length === 0)
    faults.push({ message: 'must say who may call (callers), or have check or logout', path: [] });
  if (callers !== undefined && insecureNoAuthentication === true)
    faults.push({
      message: 'is only for a service without callers',
      path: ['insecureNoAuthentication'],
    });
  for (const served of configured)
    if (!listen.some(({ serves = configured }) => serves.includes(served)))
      faults.push({ message: `must have a listener that serves ${served}`, path: ['listen'] });
  return faults;
}

function faultsOfOne(listener: Listener, asked: Asked): readonly string[] {
  const configured = configuredIn(asked);
  const served = listener.serves ?? configured;
  const isOpenToAll = asked.check?.allow === undefined || listener.tls === 'spiffe';
  return [
    ...served
      .filter((each) => !configured.includes(each))
      .map((each) => `cannot serve ${each}: ${wanted[each]}`),
    ...(served.includes('bans') ? faultsOfBans(listener, asked) : []),
    ...(served.includes('check') && !isOpenToAll
      ? ['must have tls: spiffe where check.allow names who may ask']
      : []),
  ];
}

function faultsOfBans({ host, tls }: Listener, asked: Asked): readonly string[] {
  const { callers, insecureNoAuthentication } = asked;
  if (insecureNoAuthentication === true && !loopback.has(host))
    return ['must have the host 127.0.0.1 or ::1 with insecureNoAuthentication'];
  if (callers !== undefined && callers.audiences === undefined && tls !== 'spiffe')
    return ['must have tls: spiffe where callers have no audiences'];
  return [];
}

const wanted: Readonly<Record<ServedPart, string>> = {
  bans: 'callers does not say who may call',
  check: 'check is not there',
  logout: 'logout names no provider',
};
