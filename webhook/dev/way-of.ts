/** How far a request came, and who decided what: told from counts before and after it, never guessed from the answer alone. */
import type { PlaceState, WayPlace } from './way-model.ts';

/** What a pod's Envoy and helper count. */
export interface PodCounts {
  /** Requests that came to its Envoy; undefined where that does not tell. */
  readonly requests: number | undefined;
  /** Checks of its helper by outcome (`svidecar_checks_total`). */
  readonly outcomes: ReadonlyMap<string, number>;
}

export interface SeenCounts {
  readonly caller: PodCounts;
  readonly callee: PodCounts;
  /** Requests that came to the app, and Authorization headers on the last of them. */
  readonly app: { readonly requests: number; readonly credentials: number };
}

export interface SeenRequest {
  readonly before: SeenCounts;
  readonly after: SeenCounts;
  readonly status: number;
  readonly body: string;
  readonly isThroughCaller: boolean;
  /** Whether the client sends an Authorization header of its own. */
  readonly hasCredential: boolean;
  /** Whether Envoy asks the helper about each request. */
  readonly asksHelper: boolean;
  readonly caller: string;
  readonly callee: string;
}

interface SeenPod {
  readonly isReached: boolean;
  /** Of the helper, about this request. */
  readonly outcome: string | undefined;
}

/** Outcomes by which a helper lets a request go on. */
const going: ReadonlySet<string> = new Set(['allowed', 'passed', 'skipped', 'taken_off']);
const notReached = 'the request ended before it';

export function placesOf(request: SeenRequest): readonly WayPlace[] {
  const { before, after, isThroughCaller } = request;
  const isAppReached = after.app.requests > before.app.requests;
  const callee = podSeen(before.callee, after.callee, isAppReached);
  const caller = podSeen(before.caller, after.caller, isThroughCaller);
  return [
    clientPlace(request),
    ...podPlaces(
      { side: 'caller', pod: isThroughCaller ? caller : undefined, isPast: callee.isReached },
      request,
    ),
    ...podPlaces({ side: 'callee', pod: callee, isPast: isAppReached }, request),
    appPlace(isAppReached, request),
  ];
}

function podSeen(before: PodCounts, after: PodCounts, isPast: boolean): SeenPod {
  const outcome = [...after.outcomes].find(
    ([name, count]) => count > (before.outcomes.get(name) ?? 0),
  )?.[0];
  const isCounted = (after.requests ?? 0) > (before.requests ?? 0);
  return { isReached: isPast || isCounted || outcome !== undefined, outcome };
}

function clientPlace(request: SeenRequest): WayPlace {
  const { isThroughCaller, hasCredential, caller, callee } = request;
  const what = hasCredential ? 'with an Authorization header of its own' : 'without a credential';
  const words = isThroughCaller
    ? `sends a request ${what} to the Envoy of its own pod`
    : `sends a request ${what} straight to the Envoy of ${callee}`;
  const title = isThroughCaller ? `${caller} (app)` : 'somebody';
  return { place: 'client', title, state: 'passed', words };
}

interface PodQuestion {
  readonly side: 'caller' | 'callee';
  /** Undefined: the request was sent past it. */
  readonly pod: SeenPod | undefined;
  /** Whether the request went on to the next place. */
  readonly isPast: boolean;
}

function podPlaces({ side, pod, isPast }: PodQuestion, request: SeenRequest): readonly WayPlace[] {
  const name = request[side];
  const envoy = (state: PlaceState, words: string): WayPlace => {
    return { place: `${side}-envoy`, title: `Envoy of ${name}`, state, words };
  };
  const helper = (state: PlaceState, words: string): WayPlace => {
    return { place: `${side}-helper`, title: `helper of ${name}`, state, words };
  };
  if (pod === undefined)
    return [envoy('not_on_the_way', 'not asked'), helper('not_on_the_way', 'not asked')];
  if (!pod.isReached) return [envoy('not_reached', notReached), helper('not_reached', notReached)];
  const state = isPast ? 'passed' : 'refused';
  const words = envoyWords({ side, pod, isPast }, request);
  return [envoy(state, words), helper(...helperSaid(side, pod, request))];
}

function envoyWords({ side, pod, isPast }: PodQuestion, request: SeenRequest): string {
  const { asksHelper, status } = request;
  const isByHelper = pod?.outcome !== undefined && !going.has(pod.outcome);
  if (!isPast && isByHelper) return `asks its helper, and answers HTTP ${status} as it says`;
  if (!isPast) return `answers HTTP ${status}: ${reasonIn(request)}`;
  if (asksHelper) return 'asks its helper, and sends the request on as it says';
  return side === 'caller'
    ? 'its own filter puts the JWT-SVID in, and sends the request on'
    : 'its own filter finds the token valid and meant for it, and sends the request on';
}

function helperSaid(
  side: 'caller' | 'callee',
  { outcome }: SeenPod,
  request: SeenRequest,
): readonly [PlaceState, string] {
  if (!request.asksHelper) {
    const what = side === 'caller' ? 'the token' : 'the keys';
    return ['not_asked', `gave Envoy ${what} before, and is not asked while a request waits`];
  }
  if (outcome === undefined) return ['not_asked', 'was not asked'];
  if (!going.has(outcome)) return ['refused', `${outcome}: ${reasonIn(request)}`];
  const words = side === 'caller' ? 'adds a JWT-SVID' : 'the token is valid, and meant for it';
  return ['passed', outcome === 'allowed' ? `allowed: ${words}` : outcome];
}

/** Envoy's answer to a refused request is the reason. */
function reasonIn({ body }: SeenRequest): string {
  const [line = ''] = body.trim().split('\n');
  return line === '' ? 'without a reason' : line;
}

function appPlace(isReached: boolean, { after, callee }: SeenRequest): WayPlace {
  const at = { place: 'app', title: `${callee} (app)` } as const;
  if (!isReached) return { ...at, state: 'not_reached', words: 'the app never saw the request' };
  const { credentials } = after.app;
  const words = `answers; it saw ${credentials} Authorization header${credentials === 1 ? '' : 's'}`;
  return { ...at, state: 'passed', words };
}
