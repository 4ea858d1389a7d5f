/** What goes past an Envoy that istiod configures, and what it does otherwise than it looks. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { shortened } from '#kernel/text.ts';
import { shortList } from '../envoy/short-list.ts';
import { istioContainer, type IstioPlan } from '../istio/istio-plan.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import { substitute } from '../templates/substitute.ts';
import type { Composition } from './compose.ts';
import {
  annotationsOf,
  istioKeys,
  noInterceptionBy,
  proxyIn,
  templatesOfUnknownRole,
} from './istio-marks.ts';
import { proxyConfigSaid } from './istio-proxy-config.ts';
import { captureSetting } from './istio-ports.ts';
import { sameUser } from './istio-same-user.ts';
import { filtersOf, type AskedOfIstio } from './refuse-istio.ts';
import { pastInbound, type InboundTold } from './tell-of-inbound.ts';
import type { Trace } from './trace.ts';

/** Tells of what passes without our filters. */
export function tellOfIstio(
  template: JsonObject,
  plan: IstioPlan,
  { asked, trace }: { readonly asked: AskedOfIstio; readonly trace: Trace },
): void {
  const sentences = [
    ...unknownRole(template),
    ...pastInbound(template, plan, asked),
    ...outboundOf(template, plan, asked),
  ];
  for (const { message, key } of sentences) trace.warn('istio_warning', message, key);
}

function unknownRole(template: JsonObject): readonly InboundTold[] {
  const names = templatesOfUnknownRole(template);
  if (names.length === 0) return [];
  const key = istioKeys.templates;
  return [
    {
      key,
      message: `annotation ${key}: whether ${shortList(names.map(shortened))} makes a sidecar or a gateway cannot be told before Istio has injected the pod: it is taken for a sidecar, and for what it is when svidecar sees the pod; a gateway that svidecar does not see is refused by the guard, and without the guard it is open`,
    },
  ];
}

function outboundOf(
  template: JsonObject,
  { role }: IstioPlan,
  asked: AskedOfIstio,
): readonly InboundTold[] {
  const outbound = filtersOf(asked).filter(({ direction }) => direction === 'outbound');
  if (outbound.length === 0) return [];
  const isShared = outbound.some(
    ({ oneAudienceForAllHosts: one }) => substitute(one, asked.variables) === true,
  );
  const told: InboundTold[] = isShared ? [sharedToken()] : [];
  return role === 'gateway' ? told : [...told, ...pastOutbound(template)];
}

function sharedToken(): InboundTold {
  const key = annotationKey('audience-by-host');
  return {
    key,
    message: `every HTTP request that leaves through ${istioContainer} gets a token of the same audience, whichever service it is for, and in plain text where that is not in the mesh: each of them can use it at the others; name hosts in ${key}`,
  };
}

/** With the value by which each of them changes nothing. */
const outboundSettings = [
  ['excludeOutboundPorts', ''],
  ['excludeOutboundRanges', ''],
  ['includeOutboundRanges', '*'],
] as const;

function pastOutbound(template: JsonObject): readonly InboundTold[] {
  const settings = outboundSettings.flatMap(([name, usual]): readonly InboundTold[] => {
    const setting = captureSetting(template, name);
    if (setting === undefined || setting.value.trim() === usual) return [];
    const { from, key } = setting;
    const message = `${from} leads requests past Envoy, which then carry no token; take off what needs one`;
    return [{ key, message }];
  });
  const past = [...settings, ...sameUser(template).map((message): InboundTold => ({ message }))];
  const uncaught = noInterceptionBy(template);
  if (uncaught === undefined) return past;
  const message = `${uncaught.from}: interception mode NONE leaves what the app sends alone: only requests to ports of Envoy's own get a token`;
  return [...past, { key: uncaught.key, message }];
}

/** Of the volume that Istio declares for a Workload API socket. */
const socketVolume = 'workload-socket';
/** What Istio's proxy looks for in it, unless this variable says otherwise. @see istio.io/istio/pkg/istio-agent */
const usualFile = 'socket';
const fileVariable = 'WORKLOAD_IDENTITY_SOCKET_FILE';

/** Without a socket of the name that it looks for, the proxy takes certificates of Istio's, and tells nobody. */
export function tellOfSocketName(
  template: JsonObject,
  { pod, variables }: Pick<Composition, 'pod' | 'variables'>,
  trace: Trace,
): void {
  const isWanted = listAt(objectAt(pod, 'spec'), 'volumes')
    .filter(isObject)
    .some(({ name }) => name === socketVolume);
  if (!isWanted) return;
  const file = stringAt(variables, 'socketFile') ?? usualFile;
  const told = toldFile(template);
  if ((told ?? usualFile) === file) return;
  const key = istioKeys.proxyConfig;
  const looks =
    told === undefined
      ? `looks for "${usualFile}", without which Istio issues its certificate`
      : `is told to look for "${shortened(told)}", without which it does not start`;
  trace.warn(
    'istio_socket_name',
    `by svidecar's configuration the agent's socket is called ${file} (socket.file), and Istio's proxy ${looks}; correct socket.file, or tell the proxy: annotation ${key}: '{"proxyMetadata":{"${fileVariable}":"${file}"}}', or the same in meshConfig.defaultConfig, which svidecar does not see`,
    key,
  );
}

function toldFile(template: JsonObject): string | undefined {
  const variable = listAt(proxyIn(template)?.container ?? {}, 'env')
    .filter(isObject)
    .find(({ name }) => name === fileVariable);
  const config = stringAt(annotationsOf(template), istioKeys.proxyConfig);
  const said = stringAt(variable ?? {}, 'value');
  return config === undefined ? said : (said ?? proxyConfigSaid(config).socketFile);
}
