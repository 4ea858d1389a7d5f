/** What comes into a pod past an Envoy that istiod configures, or past its filters there. */
import { shortened } from '#kernel/text.ts';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { shortList } from '../envoy/short-list.ts';
import type { IstioPlan } from '../istio/istio-plan.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import { istioKeys, noInterceptionBy } from './istio-marks.ts';
import { captureSetting, inboundCapture, isPort, istiosOwnPorts } from './istio-ports.ts';
import { bansOf, filtersOf, listenersOf, validates, type AskedOfIstio } from './refuse-istio.ts';

export interface InboundTold {
  readonly message: string;
  readonly key?: string | undefined;
}

/** How messages say what is missing where no filter is met. */
interface Lack {
  /** A sentence's end. */
  readonly words: string;
  /** `needs …`, of a port. */
  readonly need: string;
}

function lackOf(asked: AskedOfIstio): Lack | undefined {
  if (validates(asked)) return { words: 'nobody asks for a token', need: 'one' };
  const bans = bansOf(asked);
  return bans.length === 0
    ? undefined
    : { words: `${shortList(bans)} refuses nobody`, need: 'that' };
}

export function pastInbound(
  template: JsonObject,
  plan: IstioPlan,
  asked: AskedOfIstio,
): readonly InboundTold[] {
  const lack = lackOf(asked);
  if (lack === undefined) return [];
  return plan.role === 'gateway'
    ? undeclaredByGateway(template, asked)
    : [
        ...pastCapture(template, lack),
        ...pastInterfaces(template, lack),
        ...uncaught(template, lack),
        ...undeclared(template, asked),
        ...pastBans(asked),
      ];
}

function pastCapture(template: JsonObject, { words, need }: Lack): readonly InboundTold[] {
  const capture = inboundCapture(template);
  const { from, key } = capture.by;
  if (capture.kind === 'all' && capture.but.length > 0)
    return [
      {
        key,
        message: `${from}: requests to ${portsText(capture.but)} go past Envoy, so ${words} there; take off what needs ${need}`,
      },
    ];
  if (capture.kind !== 'some') return [];
  return [
    {
      key,
      message: `${from}: only ${portsText(capture.ports)} ${capture.ports.length === 1 ? 'leads' : 'lead'} through Envoy, so ${words} on the pod's other ports; ${key === undefined ? `name those in the annotation ${istioKeys.includeInboundPorts}` : 'remove the annotation'} if some of them need ${need}`,
    },
  ];
}

function pastInterfaces(template: JsonObject, { words }: Lack): readonly InboundTold[] {
  const interfaces = captureSetting(template, 'excludeInterfaces');
  if (interfaces === undefined || interfaces.value.trim() === '') return [];
  const { from, key, value } = interfaces;
  const message = `${from}: requests that come in by ${shortened(value)} go past Envoy, so ${words} there; remove the annotation`;
  return [{ key, message }];
}

function uncaught(template: JsonObject, { words }: Lack): readonly InboundTold[] {
  const by = noInterceptionBy(template);
  if (by === undefined) return [];
  const { from, key } = by;
  const message = `${from}: interception mode NONE leaves connections to the app alone: only those to listeners of a Sidecar resource meet Envoy, and ${words} elsewhere; have the app listen on 127.0.0.1`;
  return [{ key, message }];
}

/** Where requests need a token, what is not HTTP is closed; a ban closes nothing. */
function pastBans(asked: AskedOfIstio): readonly InboundTold[] {
  if (validates(asked)) return [];
  const bans = shortList(bansOf(asked));
  const message = `connections that Istio does not take for HTTP (of a port that no Service names, with another ALPN, an empty line first, HTTP/1.0) go on unread, so whoever is banned can get past ${bans}; ask for jwt-validate or istio-validate as well, which shut them`;
  return [{ message }];
}

function portsText(ports: readonly string[]): string {
  return `port${ports.length === 1 ? '' : 's'} ${shortList(ports)}`;
}

/** A Service's port in place of the container's would leave the app open, and nothing would tell. */
function undeclared(template: JsonObject, asked: AskedOfIstio): readonly InboundTold[] {
  const declared = declaredBy(template);
  return chosenPorts(asked)
    .filter((name) => !declared.has(name))
    .map((name) => ({
      key: listenersKey,
      message: `annotation ${listenersKey} names port ${name}, which no container declares: it must be the port that the app listens on, not the Service's, or the app's requests need no token`,
    }));
}

/** Envoy listens on the Service's target port there. Istio's own templates declare none of these. */
function undeclaredByGateway(template: JsonObject, asked: AskedOfIstio): readonly InboundTold[] {
  const declared = [...declaredBy(template)].filter((port) => !istiosOwnPorts.includes(port));
  const known =
    declared.length === 0
      ? 'no container declares the ports that Envoy listens on, so it cannot be told whether this is one'
      : `which no container declares (but ${shortList(declared)})`;
  return chosenPorts(asked)
    .filter((name) => !declared.includes(name))
    .map((name) => ({
      key: listenersKey,
      message: `annotation ${listenersKey} names port ${name}, ${known}: it must be the target port of the gateway's Service, such as 8443, not the port of the Gateway or its Service, such as 443, or requests go on unasked`,
    }));
}

const listenersKey = annotationKey('validate-listeners');

function chosenPorts(asked: AskedOfIstio): readonly string[] {
  const chosen = filtersOf(asked)
    .filter(({ direction }) => direction === 'inbound')
    .flatMap((filter) => listenersOf(filter, asked) ?? []);
  return [...new Set(chosen)].filter(isPort);
}

function declaredBy(template: JsonObject): ReadonlySet<string> {
  const spec = objectAt(template, 'spec');
  return new Set(
    [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
      .filter(isObject)
      .flatMap((container) => listAt(container, 'ports').filter(isObject))
      .flatMap(({ containerPort: port }) => (typeof port === 'number' ? [String(port)] : [])),
  );
}
