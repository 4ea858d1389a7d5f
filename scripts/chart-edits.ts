/** What Helm's values may change in the manifests: each a text of the manifest and what stands in the template for it. */

import {
  certificateEdits,
  certificateFiles,
  hookEdits,
  registers,
  source,
} from './chart-certificates.ts';
import type { ChartFile, Edit } from './chart-file.ts';

const deployment: readonly Edit[] = [
  ...certificateEdits,
  { is: '  replicas: 2\n', becomes: '  replicas: {{ .Values.replicas }}\n' },
  {
    is: `  template:
    spec:
      serviceAccountName: svidecar
`,
    becomes: `  selector:
    matchLabels:
      {{- include "svidecar.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "svidecar.selectorLabels" . | nindent 8 }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: svidecar
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
`,
  },
  {
    is: '          whenUnsatisfiable: ScheduleAnyway\n',
    becomes: '          whenUnsatisfiable: {{ .Values.spread }}\n',
  },
  {
    is: '          image: svidecar/webhook:0.2.0\n          imagePullPolicy: IfNotPresent\n',
    becomes:
      '          image: {{ include "svidecar.image" . | quote }}\n          imagePullPolicy: {{ .Values.image.pullPolicy }}\n',
  },
  {
    is: '            - --namespace=$(POD_NAMESPACE)\n',
    becomes: `            - --namespace=$(POD_NAMESPACE)
            {{- with .Values.revision }}
            - --revision={{ . }}
            {{- end }}
            {{- with .Values.extraArgs }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
`,
  },
  {
    is: `            requests:
              cpu: 50m
              memory: 160Mi
            limits:
              cpu: '1'
              memory: 384Mi
`,
    becomes: '            {{- toYaml .Values.resources | nindent 12 }}\n',
  },
  // With one replica it would forbid every drain.
  {
    is: '---\napiVersion: policy/v1\n',
    becomes: '{{- if gt (int .Values.replicas) 1 }}\n---\napiVersion: policy/v1\n',
  },
  { is: '  minAvailable: 1\n', becomes: '  minAvailable: 1\n{{- end }}\n' },
];

/** A fixed part of the pods' webhook: its comment and its policy. */
const podsPolicy = 'The component fail-closed makes it Fail.\n    failurePolicy: Ignore\n';

export const chartEdits: readonly ChartFile[] = [
  ...certificateFiles,
  { source: 'base/rbac.yaml', target: 'rbac.yaml', edits: [] },
  {
    source: 'components/spire-registration/rbac.yaml',
    target: 'rbac-registrations.yaml',
    when: registers,
    edits: [],
  },
  { source: 'base/deployment.yaml', target: 'deployment.yaml', edits: deployment },
  {
    source: 'base/service.yaml',
    target: 'service.yaml',
    edits: [
      {
        is: 'spec:\n',
        becomes: 'spec:\n  selector:\n    {{- include "svidecar.selectorLabels" . | nindent 4 }}\n',
      },
    ],
  },
  {
    source: 'base/webhooks.yaml',
    target: 'webhooks.yaml',
    edits: [
      {
        is: podsPolicy,
        becomes: 'failurePolicy makes it Fail.\n    failurePolicy: {{ .Values.failurePolicy }}\n',
      },
      ...hookEdits,
    ],
  },
  {
    source: 'base/guard.yaml',
    target: 'guard.yaml',
    when: '.Values.guard.enabled',
    edits: [],
  },
  {
    source: 'base/own-writes.yaml',
    target: 'own-writes.yaml',
    edits: [
      {
        is: "'system:serviceaccount:svidecar:svidecar'",
        becomes: "'system:serviceaccount:{{ .Release.Namespace }}:svidecar'",
      },
    ],
  },
  {
    source: 'components/network-policy/network-policy.yaml',
    target: 'network-policy.yaml',
    when: '.Values.networkPolicy.enabled',
    edits: [],
  },
  {
    source: 'components/monitoring/service-monitor.yaml',
    target: 'service-monitor.yaml',
    when: '.Values.serviceMonitor.enabled',
    edits: [
      {
        is: `        ca:
          secret:
            name: svidecar-tls
            key: ca.crt
`,
        becomes: `        {{- if has ${source} (list "self-signed" "cert-manager") }}
        ca:
          secret:
            name: {{ include "svidecar.certificateSecret" . }}
            key: ca.crt
        {{- else }}
        insecureSkipVerify: true
        {{- end }}
`,
      },
    ],
  },
];
