/** A configuration of a shape and a size is patched. */
import { AppError } from '#kernel/errors.ts';
import type { EnvoyAdditions } from '../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../webhook/envoy/patch-envoy.ts';
import type { Shape } from './envoy-parts.ts';

/** @returns the reason of a refusal; undefined where there is none */
export function patchShape(
  shape: Shape,
  additions: EnvoyAdditions,
  size: number,
): string | undefined {
  const files = Object.fromEntries(
    Object.entries(shape(size)).map(([name, value]) => [name, JSON.stringify(value)]),
  );
  const where = { name: 'ConfigMap demo/web', main: 'envoy.yaml', directory: '/etc/envoy' };
  try {
    patchEnvoy({ ...where, files }, additions);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown.reason;
    throw thrown;
  }
}
