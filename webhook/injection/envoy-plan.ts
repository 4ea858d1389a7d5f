/**
 * What the templates want in Envoy: decided at admission, written into the status, and rendered again from there
 * whenever the user's ConfigMap changes.
 */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { isArray, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { helperPorts } from '../../sidecar/config/helper-contract.ts';
import type {
  EnvoyAdditions,
  EnvoyPatch,
  EnvoySource,
  FilterAddition,
} from '../envoy/patch-contract.ts';
import { parseVersion, versionOfImage, versionText } from '../envoy/envoy-version.ts';
import { patchEnvoy } from '../envoy/patch-envoy.ts';
import type { Settings } from '../request/read-annotations.ts';
import { fragmentsOf, type Composition } from './compose.ts';
import { locateEnvoy, type EnvoyLocation, type PodSurroundings } from './envoy-location.ts';
import type { EnvoyTarget } from './fit.ts';
import { contentsOf, requireSize, textsOf, type ConfigMapContents } from './config-map-contents.ts';
import { usedNames } from './envoy-values.ts';
import type { NameHashOf } from './hash.ts';
import { keptToOwn } from './own-envoy.ts';
import { derivedNameBy } from './plan-name.ts';
import { withPlaceholders } from './placeholders.ts';
import type { Library, NamedTemplate } from '../templates/library.ts';
import type { EnvoyPlan } from './status.ts';
import { substitute, substituteObject, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';

export interface PlannedEnvoy extends EnvoyTarget {
  readonly plan: EnvoyPlan;
}

/** @throws {AppError} ENVOY_CONTAINER_NOT_FOUND, ENVOY_CONFIG_NOT_FOUND */
export function planEnvoy(
  spec: JsonObject,
  request: {
    readonly templates: readonly NamedTemplate[];
    readonly composition: Pick<Composition, 'envoyValues'>;
    readonly settings: Settings;
    readonly surroundings: PodSurroundings;
    readonly nameHashOf: NameHashOf;
  },
): PlannedEnvoy & { readonly location: EnvoyLocation } {
  const hints = {
    container: stringAt(request.settings, 'envoy-container'),
    config: stringAt(request.settings, 'envoy-config'),
  };
  const location = locateEnvoy(spec, hints, request.surroundings);
  const plan = {
    source: location.configMap,
    file: location.file,
    directory: location.directory,
    ...(location.paths === undefined ? {} : { paths: location.paths }),
    templates: request.templates.map((template) => template.name),
    values: request.composition.envoyValues,
    ...versionOf(location),
  };
  const derived = derivedNameBy(plan)(request.nameHashOf);
  return {
    location,
    serving: location,
    replacements: [{ path: location.namePath, now: derived }],
    awaits: [],
    plan: { ...plan, derived },
  };
}

/** What is written is the same for all versions; what is warned about is not. */
function versionOf({ image = '' }: EnvoyLocation): Pick<EnvoyPlan, 'version'> {
  const version = versionOfImage(image);
  return version === undefined ? {} : { version: versionText(version) };
}

/** The filters and clusters of a plan. @throws {AppError} TEMPLATE_UNKNOWN, TEMPLATE_INVALID */
export function additionsOf(
  plan: Pick<EnvoyPlan, 'templates' | 'values'>,
  library: Library,
): EnvoyAdditions {
  const templates = plan.templates.map((name) => library.get(name));
  // What decided against a fragment is not among the values, and without a value it does not apply either.
  const fragments = fragmentsOf(templates, plan.values);
  // A variable that had no value when the plan was made is known, and has none.
  const known = fragments.flatMap((fragment) => usedNames(fragment));
  const variables = {
    ...Object.fromEntries(known.map((name) => [name, undefined])),
    ...plan.values,
  };
  const parts = fragments.flatMap((fragment) => fragment.envoy ?? []);
  return {
    filters: parts.flatMap(({ filters }) =>
      filters.map((filter) => filterAddition(filter, variables)),
    ),
    clusters: parts.flatMap(({ clusters }) =>
      clusters.map(({ name, cluster }) => ({
        name,
        cluster: substituteObject(cluster, variables),
      })),
    ),
    bootstrap: parts.flatMap(({ bootstrap, bootstrapReason: reason }) =>
      bootstrap === undefined ? [] : [{ values: substituteObject(bootstrap, variables), reason }],
    ),
    takenPorts: fragments.some(({ helperRule }) => helperRule !== undefined) ? helperPorts : [],
  };
}

type TemplateFilter = NonNullable<Fragment['envoy']>['filters'][number];

function filterAddition(template: TemplateFilter, variables: Variables): FilterAddition {
  const lists = Object.fromEntries(
    (['listeners', 'before', 'hosts'] as const)
      .map((field) => [field, textsIn(template, field, variables)] as const)
      .filter(([, texts]) => texts !== undefined),
  );
  const isTrue = (value: Json): boolean => substitute(value, variables) === true;
  const reads = substitute(template.readsMetadata ?? null, variables);
  const leaves = template.leavesMetadata;
  return {
    rule: template.rule,
    direction: template.direction,
    place: template.place,
    filter: substituteObject(template.filter, variables),
    carriesToken: template.carriesToken,
    oneAudienceForAllHosts: isTrue(template.oneAudienceForAllHosts),
    exemptsPaths: isTrue(template.exemptsPaths),
    onceOnly: isTrue(template.onceOnly),
    onlyRefuses: template.onlyRefuses,
    routes: template.routes,
    ruleMetadata: template.ruleMetadata,
    advice: template.advice,
    ...(typeof reads === 'string' && { readsMetadata: reads }),
    ...(leaves !== undefined && !isTrue(leaves.always) && { leavesMetadata: leaves }),
    ...lists,
  };
}

/** A list of strings, or a variable that is one; undefined where it has no value. */
function textsIn(
  template: TemplateFilter,
  field: 'listeners' | 'before' | 'hosts',
  variables: Variables,
): readonly string[] | undefined {
  const written = template[field];
  const value = written === undefined ? undefined : substitute(written, variables);
  if (value === undefined) return undefined;
  return (isArray(value) ? value : [value]).map((name) => {
    if (typeof name === 'string') return name;
    throw new AppError(
      'TEMPLATE_INVALID',
      `rule ${template.rule}: ${field} holds a value that is not a string`,
    );
  });
}

/** The texts and bytes of a patched copy, and what was done to them. */
export interface PlannedPatch
  extends Required<ConfigMapContents>, Pick<EnvoyPatch, 'warnings' | 'changes' | 'inbound'> {
  /** The `spec` of the EnvoyFilter, where istiod configures the Envoy. */
  readonly envoyFilter?: JsonObject | undefined;
}

/** The user's ConfigMap with a plan's additions. @throws {AppError} ENVOY_CONFIG_INVALID, LISTENERS_AMBIGUOUS with file, line and column */
export function patchPlanned(
  namespace: string,
  plan: EnvoyPlan,
  source: ConfigMapContents & { readonly library: Library },
): PlannedPatch {
  const name = sourceName(namespace, plan);
  const texts = textsOf(source, { main: plan.file, name });
  const version = parseVersion(plan.version ?? '');
  const envoySource: EnvoySource = {
    name,
    files: texts,
    main: plan.file,
    directory: plan.directory,
    ...(plan.paths === undefined ? {} : { paths: plan.paths }),
    ...(version === undefined ? {} : { version }),
  };
  const additions = additionsOf(plan, source.library);
  const { files, ...report } = patched(
    envoySource,
    plan.proxy === undefined ? additions : keptToOwn(additions, plan.proxy),
  );
  const contents = contentsOf(source, { before: texts, after: files });
  requireSize(contents, name);
  return {
    ...contents,
    warnings: report.warnings,
    changes: report.changes,
    inbound: report.inbound,
  };
}

/** As messages name it. */
function sourceName(namespace: string, { source, proxy }: EnvoyPlan): string {
  return proxy === undefined
    ? `ConfigMap ${namespace}/${source}`
    : 'the configuration of the injected Envoy';
}

function patched(source: EnvoySource, additions: EnvoyAdditions): EnvoyPatch {
  try {
    return patchEnvoy(source, additions);
  } catch (thrown) {
    throw withPlaceholders(thrown, own(source.files, source.main) ?? '');
  }
}
