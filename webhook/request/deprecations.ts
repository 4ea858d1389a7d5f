/** What people still may write, and should not any more: told wherever it is met, until the version that refuses it. */
import { own } from '#kernel/members.ts';
import { isObject, type Json } from '#kernel/json.ts';
import { annotationKey, settingKeys, templatesKey } from './metadata-keys.ts';
import type { Settings } from './read-annotations.ts';

export interface Deprecation {
  /** A field of the configuration must have no default: what is there was written. */
  readonly kind: 'annotation' | 'template' | 'configuration';
  /** The full key, the template's name, or the path of a field such as `helper.image`. */
  readonly name: string;
  /** What to do: `write svidecar.dev/upstreams`. */
  readonly instead: string;
  /** The version that told of it first. */
  readonly since: string;
  /** The one that refuses it: a major version, as docs/policy.md promises. */
  readonly removedIn: string;
}

/** This version's. A row becomes a refusal in the version that it names. */
export const deprecations: readonly Deprecation[] = [];

/** What a pod asks with. */
export function deprecatedInPod(
  asked: { readonly names: readonly string[]; readonly settings: Settings },
  all: readonly Deprecation[],
): readonly Deprecation[] {
  const keys = new Set([
    templatesKey,
    ...settingKeys.filter((key) => asked.settings[key] !== undefined).map(annotationKey),
  ]);
  return all.filter(
    ({ kind, name }) =>
      (kind === 'annotation' && keys.has(name)) ||
      (kind === 'template' && asked.names.includes(name)),
  );
}

/** What a configuration says, as it was read. */
export function deprecatedInConfiguration(
  config: unknown,
  all: readonly Deprecation[],
): readonly Deprecation[] {
  return all.filter(
    ({ kind, name }) => kind === 'configuration' && valueAt(config, name.split('.')) !== undefined,
  );
}

/** A whole sentence. */
export function deprecationWords({ kind, name, instead, since, removedIn }: Deprecation): string {
  return `${wordOf[kind]} ${name} is deprecated since svidecar ${since}, and ${removedIn} will refuse it: ${instead}`;
}

const wordOf: Readonly<Record<Deprecation['kind'], string>> = {
  annotation: 'annotation',
  template: 'template',
  configuration: 'the key',
};

function valueAt(value: unknown, [first, ...rest]: readonly string[]): Json | undefined {
  if (first === undefined || !isObject(value)) return undefined;
  const found = own(value, first);
  return rest.length === 0 ? found : valueAt(found, rest);
}
