{{- /* Made by scripts/generate from webhook/request/revision.ts: change it there. */ -}}
{{- define "svidecar.checkRevision" -}}
{{- if kindIs "invalid" .Values.revision -}}
{{- fail "revision: null is none; for the default revision write revision: ''" -}}
{{- end -}}
{{- if regexMatch "^(y|n|yes|no|on|off|true|false|null|[0-9]+(e-?[0-9]+)?|0b[01]+|0o[0-7]+|0x[0-9a-f]+)$" .Values.revision -}}
{{- fail (printf "revision: %s must not be what YAML reads as a number, or as true, false or null" .Values.revision) -}}
{{- end -}}
{{- if regexMatch "^(audit|authority|bans|ca-bundles|certificates|clusterspiffeids|default|deny|guard|marks|own-writes|pods|registrations|root|serving|tls|warn|webhook|workloads)(-|$)" .Values.revision -}}
{{- fail (printf "revision: %s must not begin with a word that names another object of svidecar; for the default revision leave it empty" .Values.revision) -}}
{{- end -}}
{{- end }}
