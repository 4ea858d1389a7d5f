/** Annotations that no template of a pod reads: they change nothing, and whoever wrote them may believe that they do. */
import { shortList } from '../envoy/short-list.ts';
import { annotationKey, settingKeys, type SettingKey } from '../request/metadata-keys.ts';
import type { Settings } from '../request/read-annotations.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { variablesIn } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';
import type { Composition } from './compose.ts';
import type { Trace } from './trace.ts';

/** Who reads a setting beside templates. */
type Part = 'any pod' | 'a helper' | 'a sidecar' | 'an Envoy' | 'an Envoy or helper' | 'our Envoy';

interface Readers {
  /** Those that are made from it; beginnings where they end in a star. */
  readonly variables?: readonly string[];
  readonly part?: Part;
}

const always: Readers = { part: 'any pod' };
const ofBans: Readers = { variables: ['ban*'] };

const readers: Readonly<Record<SettingKey, Readers>> = {
  'access-log': { part: 'our Envoy' },
  'allow-callers': { variables: ['allowCallers', 'callerTrustDomains'], part: 'our Envoy' },
  audience: { variables: ['injectAudience', 'injectSecret', 'audienceHosts', 'validateAudiences'] },
  'audience-by-host': { variables: ['audienceByHost', 'audienceHosts'] },
  authorization: { variables: ['authorization', 'overwrites'] },
  'ban-claims': ofBans,
  'ban-hosts': ofBans,
  'ban-store': ofBans,
  'ban-token': ofBans,
  'caller-header': { variables: ['callerHeader', 'callerHeaders'] },
  'caller-metadata': { variables: ['callerMetadata'] },
  'cpu-limit': { variables: ['cpuLimit'] },
  'cpu-request': { variables: ['cpuRequest'] },
  'data-path': { variables: ['dataPath'] },
  'envoy-config': { part: 'an Envoy' },
  'envoy-container': { part: 'an Envoy or helper' },
  'federates-with': always,
  'forward-token': { variables: ['forwardToken', 'forwards'] },
  image: { variables: ['image'] },
  // Refused where nothing reads them.
  inbound: always,
  'inject-audience': { variables: ['injectAudience', 'injectSecret', 'audienceHosts'] },
  'inject-listeners': { variables: ['injectListeners'] },
  'log-level': { part: 'a helper' },
  'memory-limit': { variables: ['memoryLimit'] },
  'memory-request': { variables: ['memoryRequest'] },
  'native-sidecar': { part: 'a sidecar' },
  'skip-paths': { variables: ['skipPaths', 'pathsWithoutToken'] },
  socket: { variables: ['socket'] },
  'spiffe-id': always,
  'trust-domain': always,
  upstreams: always,
  'validate-audience': { variables: ['validateAudiences'] },
  'validate-before': { variables: ['validateBefore'] },
  'validate-listeners': { variables: ['validateListeners'] },
};

/** Settings that some of these templates may read, whatever else a pod says. */
export function settingsReadBy(templates: readonly NamedTemplate[]): readonly SettingKey[] {
  const fragments = templates.flatMap(({ parts }) => parts.map(({ fragment }) => fragment));
  const names = new Set(fragments.flatMap(({ when }) => Object.keys(when ?? {})));
  // Fragments were read from JSON values and hold nothing else.
  const read = variablesIn(fragments, names);
  const wantsHelper = ({ helperRule, helperSettings }: Fragment): boolean =>
    helperRule !== undefined || helperSettings !== undefined;
  const parts: Readonly<Record<Part, boolean>> = {
    'any pod': true,
    'a helper': fragments.some(wantsHelper),
    'a sidecar': fragments.some(({ sidecars }) => sidecars !== undefined),
    'an Envoy': fragments.some(({ envoy }) => envoy !== undefined && envoy.own === undefined),
    'an Envoy or helper': fragments.some((each) => each.envoy !== undefined || wantsHelper(each)),
    'our Envoy': fragments.some(({ envoy }) => envoy?.own !== undefined),
  };
  return settingKeys.filter((key) => {
    const { variables = [], part } = readers[key];
    return (part !== undefined && parts[part]) || isAmong(variables, read);
  });
}

export function tellOfUnread(
  settings: Settings,
  composition: Composition,
  { templates, trace }: { readonly templates: readonly NamedTemplate[]; readonly trace: Trace },
): void {
  const unread = settingKeys.filter(
    (key) => settings[key] !== undefined && !isRead(readers[key], composition),
  );
  const [first] = unread;
  if (first === undefined) return;
  const keys = shortList(unread.map(annotationKey));
  trace.warn(
    'annotation_unread',
    `${keys} ${unread.length === 1 ? 'has' : 'have'} no effect beside ${shortList(templates.map(({ name }) => name))}: nothing there reads ${unread.length === 1 ? 'it' : 'them'}; take ${unread.length === 1 ? 'it' : 'them'} out, or ask for a template that does`,
    annotationKey(first),
  );
}

function isRead({ variables = [], part }: Readers, composition: Composition): boolean {
  if (part !== undefined && hasPart(part, composition)) return true;
  return isAmong(variables, composition.read);
}

function isAmong(variables: readonly string[], read: ReadonlySet<string>): boolean {
  return variables.some((name) =>
    name.endsWith('*')
      ? [...read].some((each) => each.startsWith(name.slice(0, -1)))
      : read.has(name),
  );
}

function hasPart(part: Part, { helper, sidecars, wantsEnvoy, ownEnvoy }: Composition): boolean {
  switch (part) {
    case 'any pod':
      return true;
    case 'a helper':
      return helper !== undefined;
    case 'a sidecar':
      return sidecars.length > 0;
    case 'an Envoy':
      return wantsEnvoy && ownEnvoy === undefined;
    case 'an Envoy or helper':
      return helper !== undefined || (wantsEnvoy && ownEnvoy === undefined);
    case 'our Envoy':
      return ownEnvoy !== undefined;
    default:
      return part satisfies never;
  }
}
