/** All checks, in the order in which they are reported. */
import {
  annotationPlacement,
  annotationsValid,
  envoyConfiguration,
  injectionPossible,
  portClash,
} from './annotations.ts';
import { istioPolicies } from './asked-by-istio.ts';
import { webhookCertificate } from './certificate.ts';
import { configMaps } from './config-maps.ts';
import type { Check } from './check-contract.ts';
import { helperCurrent, helperPresent } from './coverage.ts';
import { envoyFilter } from './envoy-filters.ts';
import { envoyVersion } from './old-envoys.ts';
import { fieldManagers } from './field-managers.ts';
import { gitOpsDrift } from './gitops.ts';
import { guardPolicy } from './guard.ts';
import { webhookConfigured } from './hooks.ts';
import { csiDriver, spireAgent, workloadApi } from './identity.ts';
import { namespaceLabelCheck, podSecurity } from './namespaces.ts';
import { appPort, probes } from './open-ports.ts';
import { serviceTarget } from './past-envoy.ts';
import { webhookAnswers } from './probe.ts';
import { autoscaling, resourceLimits } from './resources.ts';
import { istioJwtRules } from './request-authentications.ts';
import { revisionCurrent, revisionServed } from './revisions.ts';
import { configuration, webhookReplicas, webhookService } from './serving.ts';
import { kubernetesVersion } from './kubernetes-version.ts';
import {
  entryPresent,
  entrySelectors,
  entrySingle,
  federatedBundles,
  spiffeIdOverride,
  trustDomain,
} from './registered.ts';
import { entryIdPrefix, spireServer } from './spire-server.ts';

export const catalogue: readonly Check[] = [
  kubernetesVersion,
  webhookConfigured,
  webhookService,
  webhookReplicas,
  webhookCertificate,
  webhookAnswers,
  configuration,
  guardPolicy,
  namespaceLabelCheck,
  revisionServed,
  podSecurity,
  resourceLimits,
  annotationsValid,
  annotationPlacement,
  injectionPossible,
  envoyConfiguration,
  envoyVersion,
  portClash,
  probes,
  appPort,
  serviceTarget,
  autoscaling,
  gitOpsDrift,
  fieldManagers,
  helperPresent,
  helperCurrent,
  revisionCurrent,
  configMaps,
  envoyFilter,
  istioPolicies,
  istioJwtRules,
  csiDriver,
  spireAgent,
  workloadApi,
  spireServer,
  trustDomain,
  entryPresent,
  entrySelectors,
  entrySingle,
  spiffeIdOverride,
  federatedBundles,
  entryIdPrefix,
];
