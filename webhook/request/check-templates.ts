/** Faults of templates that show without a pod: found when the configuration is read, so that the last good one stays in use. */
import { AppError } from '#kernel/errors.ts';
import type { InjectorConfig } from './injector-config.ts';
import { settingKeys } from './metadata-keys.ts';
import type { Located } from './locate.ts';
import { memberNames } from './native-variables.ts';
import { nearest } from '#kernel/nearest.ts';
import { variablesIn } from '../templates/substitute.ts';
import type { Template } from '../templates/template-schema.ts';
import { variablesFor } from './variables.ts';

/** Any pod will do: the names of the variables are always the same. */
const anyPod: Located = {
  kind: 'Pod',
  name: 'any',
  namespace: 'any',
  path: [],
  template: { spec: {} },
  metadata: {},
  hasControllerOwner: false,
  claims: [],
  selector: {},
};

/** @throws {AppError} TEMPLATE_INVALID for an unknown variable or annotation; CONFIG_INVALID for a spiffeId that does not yield one */
export function checkTemplates(
  templates: Readonly<Record<string, Template>>,
  config: InjectorConfig,
): void {
  const variables = [
    ...Object.keys(variablesFor(anyPod, {}, { config, kubernetesMinor: 0 })),
    ...Object.entries(memberNames).flatMap(([list, names]) =>
      names.map((name) => `${list}.${name}`),
    ),
  ];
  for (const [name, template] of Object.entries(templates)) {
    for (const used of variablesOf(template)) refuseUnknown(name, used, variables);
    for (const key of template.requires.flat()) refuseUnknown(name, key, settingKeys);
  }
}

function variablesOf({ fragments }: Template): ReadonlySet<string> {
  const names = new Set(fragments.flatMap(({ when }) => Object.keys(when ?? {})));
  // Fragments were read from JSON values and hold nothing else.
  return variablesIn(fragments, names);
}

function refuseUnknown(template: string, used: string, known: readonly string[]): void {
  if (known.includes(used)) return;
  const near = nearest(used, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  const what = known === settingKeys ? 'annotation' : 'variable';
  throw new AppError(
    'TEMPLATE_INVALID',
    `template "${template}" uses the unknown ${what} ${used}; ${hint}`,
  );
}
