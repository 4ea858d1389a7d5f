/** What the certificate's source changes in the chart. */
import type { ChartFile, Edit } from './chart-file.ts';

export const source = '.Values.certificates.source';
const ownCertificate = `has ${source} (list "self-signed" "spiffe")`;
const mountedCertificate = `has ${source} (list "cert-manager" "secret")`;

/** It asks SPIRE's server by mTLS, with an X.509-SVID of its own. */
export const registers = 'eq (dig "registration" "none" .Values.config) "entries"';
const asksByTls = `and (${registers}) (not (hasPrefix "unix:" (dig "spire" "server" "unix:" .Values.config)))`;
const hasWorkloadApi = `or (eq ${source} "spiffe") (${asksByTls})`;

/** Arguments and volumes by the certificate's source. */
export const certificateEdits: readonly Edit[] = [
  {
    is: `            # svidecar issues, renews and publishes its own certificate: Secret svidecar-tls. Others: docs/certificates.md.
            - --certificate-source=self-signed
`,
    becomes: `            {{- if ${mountedCertificate} }}
            - --certificate-source=files
            - --certificates=/etc/svidecar-tls
            {{- else }}
            - --certificate-source={{ ${source} }}
            {{- end }}
            {{- if eq ${source} "spiffe" }}
            - --workload-api=unix:///spiffe-workload-api/{{ dig "socket" "file" "spire-agent.sock" .Values.config }}
            {{- end }}
`,
  },
  {
    is: '            - name: config\n              mountPath: /etc/svidecar\n',
    becomes: `            {{- if ${mountedCertificate} }}
            - name: tls
              mountPath: /etc/svidecar-tls
              readOnly: true
            {{- end }}
            {{- if ${hasWorkloadApi} }}
            - name: spiffe-workload-api
              mountPath: /spiffe-workload-api
              readOnly: true
            {{- end }}
            - name: config
              mountPath: /etc/svidecar
`,
  },
  {
    is: '        - name: config\n          configMap:\n            name: svidecar\n',
    becomes: `        {{- if ${mountedCertificate} }}
        - name: tls
          secret:
            secretName: {{ include "svidecar.certificateSecret" . }}
        {{- end }}
        {{- if ${hasWorkloadApi} }}
        - name: spiffe-workload-api
          csi:
            driver: {{ dig "socket" "csiDriver" "csi.spiffe.io" .Values.config }}
            readOnly: true
        {{- end }}
        - name: config
          configMap:
            name: svidecar
`,
  },
];

/** Of the webhook configurations: who writes their authority. */
export const hookEdits: readonly Edit[] = [
  {
    is: '    clientConfig:\n',
    times: 3,
    becomes: `    clientConfig:
      {{- if eq ${source} "secret" }}
      caBundle: {{ .Values.certificates.caBundle | b64enc }}
      {{- end }}
`,
  },
  ...['svidecar-workloads', 'svidecar-pods'].map((name) => ({
    is: `  name: ${name}\n`,
    becomes: `  name: ${name}
  {{- if eq ${source} "cert-manager" }}
  annotations:
    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/svidecar-serving
  {{- end }}
`,
  })),
];

export const certificateFiles: readonly ChartFile[] = [
  {
    source: 'base/rbac-certificates.yaml',
    target: 'rbac-certificates.yaml',
    when: ownCertificate,
    edits: [
      // Keys are SPIRE's with its certificates.
      {
        is: '  # One Secret: authority',
        becomes: `  {{- if eq ${source} "self-signed" }}\n  # One Secret: authority`,
      },
      { is: '  # Which replica makes', becomes: '  {{- end }}\n  # Which replica makes' },
    ],
  },
  {
    source: 'components/cert-manager/authority.yaml',
    target: 'cert-manager-authority.yaml',
    when: `and (eq ${source} "cert-manager") (not .Values.certificates.issuerRef)`,
    edits: [],
  },
  {
    source: 'components/cert-manager/certificate.yaml',
    target: 'cert-manager-certificate.yaml',
    when: `eq ${source} "cert-manager"`,
    edits: [
      {
        is: '  secretName: svidecar-tls\n',
        becomes: '  secretName: {{ include "svidecar.certificateSecret" . }}\n',
      },
      {
        is: `  issuerRef:
    name: svidecar-authority
    kind: Issuer
    group: cert-manager.io
`,
        becomes: `  issuerRef:
    {{- with .Values.certificates.issuerRef }}
    name: {{ .name }}
    kind: {{ .kind | default "Issuer" }}
    group: {{ .group | default "cert-manager.io" }}
    {{- else }}
    name: svidecar-authority
    kind: Issuer
    group: cert-manager.io
    {{- end }}
`,
      },
    ],
  },
  {
    source: 'components/spire-certificate/registration.yaml',
    target: 'spire-registration.yaml',
    when: `eq ${source} "spiffe"`,
    edits: [],
  },
];
