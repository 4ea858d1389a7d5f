/** Whether the Envoy of a pod is new enough for what the templates need. */
import { AppError } from '#kernel/errors.ts';
import {
  isOlder,
  parseVersion,
  versionOfImage,
  versionText,
  type EnvoyVersion,
} from '../envoy/envoy-version.ts';
import { fragmentsOf } from './compose.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { EnvoyLocation } from './envoy-location.ts';
import type { NamedTemplate } from '../templates/library.ts';
import type { Variables } from '../templates/substitute.ts';
import type { Trace } from './trace.ts';

/** Warns where the image does not name a version. @throws {AppError} ENVOY_TOO_OLD with the required version */
export function requireEnvoy(
  { container, image = '' }: Pick<EnvoyLocation, 'container' | 'image'>,
  needs: {
    readonly templates: readonly NamedTemplate[];
    readonly variables: Variables;
    readonly trace: Trace;
  },
): void {
  const needed = neededVersion(needs.templates, needs.variables);
  if (needed === undefined) return;
  const least = versionText(needed);
  const names = needs.templates.map(({ name }) => name).join(', ');
  const path = needs.variables['dataPath'];
  const why = `${names} with the data path ${typeof path === 'string' ? path : ''} needs Envoy ${least} or later`;
  const version = versionOfImage(image);
  if (version === undefined) {
    needs.trace.warn(
      'envoy_version_unknown',
      `container "${container}": the image "${image}" does not tell which Envoy it is, and ${why}; an older one refuses its configuration`,
    );
  } else if (isOlder(version, needed)) {
    throw new AppError(
      'ENVOY_TOO_OLD',
      `container "${container}" runs Envoy ${versionText(version)} (image "${image}"), and ${why}; use a newer image, or ${annotationKey('data-path')}: ext-authz`,
      { facts: { container, key: annotationKey('data-path') } },
    );
  } else {
    needs.trace.say(
      'envoy_version_fits',
      `container "${container}" runs Envoy ${versionText(version)}; ${why}`,
    );
  }
}

/** The newest of the versions that the fragments ask for. */
function neededVersion(
  templates: readonly NamedTemplate[],
  variables: Variables,
): EnvoyVersion | undefined {
  let newest: EnvoyVersion | undefined;
  for (const { envoy } of fragmentsOf(templates, variables)) {
    const version = parseVersion(envoy?.atLeast ?? '');
    if (version === undefined || (newest !== undefined && !isOlder(newest, version))) continue;
    newest = version;
  }
  return newest;
}
