/** The status annotation: what was done to a pod template, and all that is needed to undo it. */
import * as z from 'zod';
import { AppError } from '#kernel/errors.ts';
import { firstNames } from '#kernel/first-names.ts';
import {
  type Json,
  type JsonObject,
  isObject,
  objectAt,
  stringAt,
  sameJson,
} from '#kernel/json.ts';
import { needsIdentity } from '../../sidecar/config/needs-identity.ts';
import { readSettings } from '../../sidecar/config/settings.ts';
import { isFilledIn } from '../objects/filled-in.ts';
import { pointerTokens } from '../editing/operation.ts';
import { lookupFault, statusFault } from './status-bounds.ts';
import { istioRoles } from '../istio/istio-plan.ts';
import { proxySchema } from '../request/proxy-schema.ts';
import { injectKey, statusKey } from '../request/metadata-keys.ts';
import { changeAt, covers, find } from './keyed.ts';

/** The annotation was parsed as JSON, so that every value in it is JSON: passed through untouched, strange keys included. */
const json = z.custom<Json>((value) => value !== undefined);

const undoSchema = z.strictObject({
  /** Keyed path of what was added → hash of what was wanted there. */
  added: z.record(z.string(), z.string()).default({}),
  /** Keyed paths of maps and lists that were created for it: removed when they are empty again. */
  created: z.array(z.string()).default([]),
  /** Places where an explicit null was. */
  nulls: z.array(z.string()).default([]),
  /** Values that were replaced. */
  restored: z.array(z.strictObject({ path: z.string(), was: json, now: json })).default([]),
});

const envoyPlanSchema = z.strictObject({
  /** The user's ConfigMap, and the name of its patched copy. */
  source: z.string(),
  derived: z.string(),
  /** Key in the ConfigMap that the Envoy container reads, and where the ConfigMap is mounted. */
  file: z.string(),
  directory: z.string(),
  /** Of that Envoy, where its image names it: `1.40`. */
  version: z.string().optional(),
  /** Where the container sees the ConfigMap's keys, if that is not each of them in the directory. */
  paths: z.record(z.string(), z.string()).optional(),
  /** Of an Envoy that a template brings: its configuration is rendered from this, and `source` is only the beginning of its name. */
  proxy: proxySchema.optional(),
  /** Of an Envoy that istiod configures: `derived` is an EnvoyFilter too, and `source` only the beginning of its name. */
  istio: z.strictObject({ role: z.enum(istioRoles) }).optional(),
  templates: z.array(z.string()),
  /** Values of the variables that the templates' Envoy parts use. */
  values: z.record(z.string(), json),
});

const statusSchema = z.object({
  version: z.string(),
  /** Of the installation that did it; absent for the one without a name. */
  revision: z.string().optional(),
  templates: z.array(z.string()),
  helper: z.strictObject({ configMap: z.string(), settings: z.string() }).optional(),
  envoy: envoyPlanSchema.optional(),
  /** Containers that another injector will bring, and that a template completes when they are there. */
  awaits: z.array(z.string()).optional(),
  undo: undoSchema,
});

export type Undo = z.infer<typeof undoSchema>;
export type EnvoyPlan = z.infer<typeof envoyPlanSchema>;
/** Members that a later version may add are ignored, so that two versions can run side by side. */
export type Status = z.infer<typeof statusSchema>;

/** Who wrote a status, also one that a later version wrote; empty for the installation without a name, or for what is no status. */
export function revisionInStatus(text: string): string {
  // Without parsing: a status is large, and each member of ours at its beginning is plain.
  return /^\{"version":"[^"\\]*","revision":"([-a-z0-9]{1,63})"/.exec(text)?.[1] ?? '';
}

/** Messages do not name the object: the caller knows it. @throws {AppError} STATUS_INVALID, STATUS_NEWER */
export function parseStatus(text: string): Status {
  let value: Json;
  try {
    // What JSON.parse returns is JSON.
    value = JSON.parse(text) as Json;
  } catch {
    // V8's message quotes the text.
    throw invalid('it is not JSON');
  }
  const fault = statusFault(value);
  if (fault !== undefined) throw invalid(fault);
  const parsed = statusSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  // All known members are valid, but there are more: only their writer knows what they mean and how to undo them.
  if (issues.every(({ code }) => code === 'unrecognized_keys')) throw newer(value, issues);
  throw invalid(formFault(issues));
}

/** Which members are at fault, without their values. */
function formFault(issues: readonly z.core.$ZodIssue[]): string {
  if (issues.some(({ path }) => path.length === 0)) return 'it is not a JSON object';
  const members = issues.map(({ path }) => path.map(String).join('.'));
  return `missing in it or of another form than svidecar writes: ${firstNames(members)}`;
}

function newer(value: unknown, issues: readonly z.core.$ZodIssue[]): AppError {
  const keys = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  const version = isObject(value) ? (stringAt(value, 'version') ?? '?') : '?';
  return new AppError(
    'STATUS_NEWER',
    `it was injected by svidecar ${version}, which knows more than this version (${firstNames(keys)} in ${statusKey}); it is left as it is: finish the upgrade, or inject it anew by applying the original manifest without this annotation and the injected parts`,
    { facts: { key: statusKey } },
  );
}

function invalid(fault: string): AppError {
  return new AppError(
    'STATUS_INVALID',
    `the annotation ${statusKey} was not written by svidecar (${fault}); apply the original manifest again, or remove this annotation together with the injected parts`,
    { facts: { key: statusKey } },
  );
}

/** Whether something of the user's is patched, rather than made anew from the plan alone. */
export function hasSource({ proxy, istio }: Pick<EnvoyPlan, 'proxy' | 'istio'>): boolean {
  return proxy === undefined && istio === undefined;
}

/** Whether a template brought the Envoy. */
export function bringsEnvoy({ envoy }: Status): boolean {
  return envoy?.proxy !== undefined;
}

/** As JSON has it, and as YAML of earlier versions. */
const banMode = /"mode": "ban"|mode: ban/;

/** Whether the injected helper needs tokens or keys; one whose rules only ban does not. */
export function needsIdentityOf({ helper }: Status): boolean {
  if (helper === undefined) return false;
  // Reading settings costs more than all the rest of a workload's turn.
  if (!banMode.test(helper.settings)) return true;
  try {
    return needsIdentity(readSettings(helper.settings, helper.configMap).rules);
  } catch {
    // Written by a later version: what it needs is not known, so nothing is taken away.
    return true;
  }
}

/** The status of a pod template, or undefined when it was never injected. @throws {AppError} STATUS_INVALID, STATUS_NEWER */
export function statusOf(template: JsonObject): Status | undefined {
  const text = stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey);
  if (text === undefined) return undefined;
  const status = parseStatus(text);
  const fault = lookupFault(status.undo, template);
  if (fault !== undefined) throw invalid(fault);
  return status;
}

/**
 * The template as it was before injection; parts that were not touched are shared with the input. A value that
 * somebody has changed since is theirs and stays.
 */
export function strip(template: JsonObject, undo: Undo): JsonObject {
  let value: Json = template;
  const change = (path: string, by: (value: Json) => Json | undefined): void => {
    value = changeAt(value, pointerTokens(path), by) ?? value;
  };
  change(`/metadata/annotations/${statusKey.replaceAll('/', '~1')}`, () => undefined);
  for (const { path, was, now } of undo.restored) {
    change(path, (current) => (covers(current, now) ? was : current));
  }
  for (const path of Object.keys(undo.added)) change(path, () => undefined);
  // Deepest first, so that a map emptied by this loop is seen empty.
  for (const path of undo.created.toReversed()) {
    const field = pointerTokens(path).at(-1) ?? '';
    const whole = find(template, path)?.value ?? null;
    change(path, (rest) => (isEmpty(rest) || isFilledIn(field, rest, whole) ? undefined : rest));
  }
  for (const path of undo.nulls) value = withNull(value, path);
  // The root of a pod template is an object, and only members were changed.
  return value as JsonObject;
}

function withNull(value: Json, path: string): Json {
  if (find(value, path) !== undefined) return value;
  const tokens = pointerTokens(path);
  const last = tokens.at(-1) ?? '';
  const restore = (parent: Json): Json => (isObject(parent) ? { ...parent, [last]: null } : parent);
  return changeAt(value, tokens.slice(0, -1), restore) ?? value;
}

function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** The annotation's text. */
export function statusText(status: Status): string {
  return JSON.stringify(status);
}

/** Whether two injections did the same, whichever version did them. */
export function isSameInjection(left: Status, right: Status): boolean {
  return sameJson({ ...left, version: '' }, { ...right, version: '' });
}

/** What an injection did, in half a line. */
export function summaryOf(status: Status): string {
  const parts = [status.templates.join(', ')];
  if (status.helper !== undefined)
    parts.push(`auth-helper with ConfigMap ${status.helper.configMap}`);
  if (status.envoy !== undefined) parts.push(envoySummary(status.envoy));
  return `${parts.join('; ')}. To undo: ${injectKey}: "false"`;
}

function envoySummary({ source, derived, proxy, istio }: EnvoyPlan): string {
  if (istio !== undefined) return `EnvoyFilter ${derived} for Istio's ${istio.role}`;
  return proxy === undefined
    ? `Envoy configuration ${source} → ${derived}`
    : `an Envoy with configuration ${derived}`;
}
