/** Templates, substituted and joined, as one partial pod that fits what is already there. */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, listAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { settingsFile } from '../../sidecar/config/helper-contract.ts';
import { skipsEverything } from '../../sidecar/config/skip-paths.ts';
import {
  checkSettings,
  renderSettings,
  type HelperSettingsInput,
} from '../../sidecar/config/settings.ts';
import { annotationKey, injectedLabel } from '../request/metadata-keys.ts';
import { usedValues, variablesRead } from './envoy-values.ts';
import type { NameBy, NameHashOf } from './hash.ts';
import { mergePartial } from './keyed.ts';
import { ownEnvoyOf, type OwnEnvoy } from './own-envoy.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { substituteObject, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';

/** A helper's ConfigMap: content-addressed, so that equal settings share it. */
export interface HelperConfigMap {
  readonly configMap: string;
  readonly settings: string;
}

/** What the chosen templates want, before it is fitted to a pod. */
export interface Composition {
  /** `{ metadata?, spec? }` */
  readonly pod: JsonObject;
  readonly sidecars: readonly JsonObject[];
  /** Fragments for each of the app's containers, not substituted yet: mount paths differ by container. */
  readonly everyContainer: readonly JsonObject[];
  readonly helper: HelperConfigMap | undefined;
  /** Names of the rules that let every path pass without a token. */
  readonly openRules: readonly string[];
  /** Whom the rules let in: SPIFFE IDs, prefixes, trust domains. Empty where no rule validates. */
  readonly callers: readonly string[];
  /** Whether any template wants something in Envoy. */
  readonly wantsEnvoy: boolean;
  /** The Envoy that they bring. */
  readonly ownEnvoy: OwnEnvoy | undefined;
  /** Values of the variables that the Envoy parts use. */
  readonly envoyValues: Readonly<Record<string, Json>>;
  readonly variables: Variables;
  /** Names of those that the templates read. */
  readonly read: ReadonlySet<string>;
}

/** Fragments that apply, each once, in the order of their templates. */
export function fragmentsOf(
  templates: readonly NamedTemplate[],
  variables: Variables,
): readonly Fragment[] {
  const fragments = new Set<Fragment>();
  for (const template of templates) {
    for (const { fragment } of template.parts)
      if (applies(fragment, variables)) fragments.add(fragment);
  }
  return [...fragments];
}

function applies(fragment: Fragment, variables: Variables): boolean {
  return Object.entries(fragment.when ?? {}).every(
    ([name, value]) => own(variables, name) === value,
  );
}

/** @throws {AppError} ANNOTATION_INVALID, TEMPLATE_INVALID */
export function compose(
  templates: readonly NamedTemplate[],
  variables: Variables,
  nameHashOf: NameHashOf,
): Composition {
  const fragments = fragmentsOf(templates, variables);
  const values = usedValues(fragments, variables);
  const ownEnvoy = ownEnvoyOf(fragments, { templates, values, variables, nameHashOf });
  const { helper, openRules, callers } = helperOf(fragments, variables, nameHashOf);
  const known = {
    ...variables,
    helperConfigMap: helper?.configMap,
    envoyConfigMap: ownEnvoy?.plan.derived,
  };
  let pod: JsonObject = { metadata: { labels: { [injectedLabel]: 'true' } } };
  for (const fragment of fragments) {
    if (fragment.pod !== undefined) pod = mergePartial(pod, substituteObject(fragment.pod, known));
  }
  return {
    pod,
    sidecars: sidecarsOf(fragments, known, ownEnvoy?.container),
    everyContainer: fragments
      .map((fragment) => fragment.everyContainer)
      .filter((part) => part !== undefined),
    helper,
    openRules,
    callers,
    wantsEnvoy: fragments.some((fragment) => fragment.envoy !== undefined),
    ownEnvoy,
    envoyValues: values,
    variables: known,
    read: variablesRead(templates, fragments),
  };
}

/** Several fragments may complete one container. An Envoy of ours asks the helper, so it comes after it. */
function sidecarsOf(
  fragments: readonly Fragment[],
  known: Variables,
  last: string | undefined,
): readonly JsonObject[] {
  let joined: JsonObject = {};
  for (const { sidecars = [] } of fragments)
    for (const container of sidecars)
      joined = mergePartial(joined, { containers: [substituteObject(container, known)] });
  const all = listAt(joined, 'containers').filter(isObject);
  return [...all.filter(({ name }) => name !== last), ...all.filter(({ name }) => name === last)];
}

function helperOf(
  fragments: readonly Fragment[],
  variables: Variables,
  nameHashOf: NameHashOf,
): Pick<Composition, 'helper' | 'openRules' | 'callers'> {
  const rules = fragments
    .map((fragment) => fragment.helperRule)
    .filter((rule) => rule !== undefined)
    .map((rule) => substituteObject(rule, variables));
  if (rules.length === 0) return { helper: undefined, openRules: [], callers: [] };
  for (const rule of rules) refuseSeveralAudiences(rule);
  let own: JsonObject = {};
  for (const { helperSettings = {} } of fragments)
    own = { ...own, ...substituteObject(helperSettings, variables) };
  refuseUnasked(rules, own);
  const input = { version: 1, logLevel: variables['logLevel'] ?? 'info', ...own, rules };
  const checked = checkSettings(input, 'the settings that the templates give the helper');
  const validating = checked.rules.filter((rule) => rule.mode === 'validate');
  const open = validating.filter((rule) => skipsEverything(rule.skipPaths));
  // Checked on the line above; written as in the templates, without the schema's defaults.
  const settings = renderSettings(input as unknown as HelperSettingsInput);
  return {
    helper: { configMap: helperNameBy(settings)(nameHashOf), settings },
    openRules: open.map(({ name }) => name),
    callers: validating.flatMap(({ allowCallers }) => allowCallers ?? []),
  };
}

/** A name that only these settings can have. */
export function helperNameBy(settings: string): NameBy {
  return (hashOf) => `svidecar-${hashOf(settings)}`;
}

function refuseSeveralAudiences(rule: JsonObject): void {
  if (!isArray(rule['audience'])) return;
  throw new AppError(
    'ANNOTATION_INVALID',
    `annotation ${annotationKey('audience')} names several audiences, and a token is made for one: name it in ${annotationKey('inject-audience')} (and those that are accepted in ${annotationKey('validate-audience')}), or one for each host in ${annotationKey('audience-by-host')}`,
    { facts: { key: annotationKey('audience') } },
  );
}

/** Istio asks about each request, and on the other data path nobody answers. */
function refuseUnasked(rules: readonly JsonObject[], { dataPath }: JsonObject): void {
  const unnamed = rules.find(({ takesUnnamed }) => takesUnnamed === true);
  if (unnamed === undefined || dataPath !== 'native') return;
  const key = annotationKey('data-path');
  throw new AppError(
    'ANNOTATION_INVALID',
    `template ${stringAt(unnamed, 'name') ?? ''} has Istio ask the helper about each request, which it does not answer on the data path ${dataPath}; set annotation ${key}: ext-authz`,
    { facts: { key } },
  );
}

/** The data of a helper's ConfigMap. */
export function helperData(settings: string): Readonly<Record<string, string>> {
  return { [settingsFile]: settings };
}
