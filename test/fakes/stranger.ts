/** Somebody who sends the webhook a review about a namespace that is not theirs. */
import type { JsonObject } from '#kernel/json.ts';
import { envoyCheck, type AnswerDetail } from '../../webhook/admission/check-envoy.ts';
import { review } from '../../webhook/admission/review.ts';
import type { ConfigMapContents } from '../../webhook/injection/config-map-contents.ts';
import { engineFor } from './engine.ts';

const engine = engineFor();

/** The answer to a review of a pod whose Envoy reads `secret.conf` of the ConfigMap victim/theirs. */
export function answerTo(
  source: string | ConfigMapContents,
  detail?: AnswerDetail,
  more: JsonObject = {},
): string {
  const contents = typeof source === 'string' ? { data: { 'secret.conf': source } } : source;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      annotations: {
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': 'backend',
        'svidecar.dev/envoy-config': 'config/secret.conf',
        ...more,
      },
    },
    spec: {
      containers: [
        { name: 'app', image: 'app:1' },
        {
          name: 'envoy',
          image: 'envoyproxy/envoy:v1.40.0',
          volumeMounts: [{ name: 'config', mountPath: '/etc/envoy' }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name: 'theirs' } }],
    },
  };
  const request = {
    uid: 'u',
    namespace: 'victim',
    operation: 'CREATE',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    object: pod,
  };
  const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
  const answered = review(body, {
    engine,
    checkEnvoy: envoyCheck(
      () => ({ resourceVersion: '1', ...contents }),
      engine.memory.copies,
      detail,
    ),
    configMapKeys: () => undefined,
    heldConfigMap: () => undefined,
    ignoredNamespaces: new Set(),
  });
  return JSON.stringify(answered.body);
}
