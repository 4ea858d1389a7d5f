{{/* Of all objects. Those of the selector are the same as kustomize's. */}}
{{- define "svidecar.labels" -}}
{{ include "svidecar.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.revision }}
svidecar.dev/revision: {{ . | quote }}
{{- end }}
{{- end }}

{{/* After the name of each object. */}}
{{- define "svidecar.suffix" -}}
{{- with .Values.revision }}-{{ . }}{{ end -}}
{{- end }}

{{- define "svidecar.selectorLabels" -}}
app.kubernetes.io/name: svidecar
app.kubernetes.io/component: webhook{{ include "svidecar.suffix" . }}
{{- end }}

{{- define "svidecar.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where the served certificate is, with its authority beside it. */}}
{{- define "svidecar.certificateSecret" -}}
{{- if eq .Values.certificates.source "self-signed" -}}
svidecar-tls{{ include "svidecar.suffix" . }}
{{- else -}}
{{ .Values.certificates.secretName }}{{ if eq .Values.certificates.source "cert-manager" }}{{ include "svidecar.suffix" . }}{{ end }}
{{- end -}}
{{- end }}

{{/* Values that are right one by one and wrong together. */}}
{{- define "svidecar.checkValues" -}}
{{- if and (not .Values.guard.enabled) (eq .Values.failurePolicy "Ignore") -}}
{{- fail "guard.enabled: false with failurePolicy: Ignore would let pods in without protection while svidecar is away: set failurePolicy to Fail, or leave the guard on" -}}
{{- end -}}
{{- include "svidecar.checkRevision" . -}}
{{- if has .Release.Namespace (list "kube-system" "default") -}}
{{- fail (printf "svidecar never touches its own namespace, so %s is none for it: install with --namespace svidecar --create-namespace" .Release.Namespace) -}}
{{- end -}}
{{- if and (eq .Values.certificates.source "secret") (not .Values.certificates.caBundle) -}}
{{- fail "certificates.source: secret needs the authority's PEM in certificates.caBundle (--set-file certificates.caBundle=ca.crt)" -}}
{{- end -}}
{{- end }}
