/** All checks, in the order in which they are reported. */
import {
  annotationPlacement,
  annotationsValid,
  envoyConfiguration,
  injectionPossible,
  portClash,
} from './annotations.ts';
import { configMaps } from './config-maps.ts';
import type { Check } from './contract.ts';
import { helperCurrent, helperPresent } from './coverage.ts';
import { envoyVersion } from './envoy-version.ts';
import { gitOpsDrift } from './gitops.ts';
import { namespaceLabelCheck, podSecurity } from './namespaces.ts';
import { autoscaling, resourceLimits } from './resources.ts';

export const catalogue: readonly Check[] = [
  namespaceLabelCheck,
  podSecurity,
  resourceLimits,
  annotationsValid,
  annotationPlacement,
  injectionPossible,
  envoyConfiguration,
  envoyVersion,
  portClash,
  autoscaling,
  gitOpsDrift,
  helperPresent,
  helperCurrent,
  configMaps,
];
