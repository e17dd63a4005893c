{{- define "vigil.name" -}}
{{- if contains "vigil" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-vigil" (.Release.Name | trunc 34 | trimSuffix "-") }}{{ end -}}
{{- end }}

{{/* Selector labels of a component: call with (list $ "component"). */}}
{{- define "vigil.selector" -}}
app.kubernetes.io/name: vigil-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "vigil.labels" -}}
{{ include "vigil.selector" . }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: vigil
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{/* A container image of Vigil: call with (list $ "operator"). */}}
{{- define "vigil.image" -}}
{{- $root := index . 0 }}
{{- $registry := $root.Values.image.registry }}
{{- if $registry }}{{ $registry }}/{{ end }}{{ index $root.Values.image.names (index . 1) }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}
{{- end }}

{{- define "vigil.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Security context for Pod Security `restricted`; call with the user id. */}}
{{- define "vigil.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "vigil.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "vigil.backendSecret" -}}
{{ .Values.backend.existingSecret | default (printf "%s-backend" (include "vigil.name" .)) }}
{{- end }}
{{- define "vigil.operatorSecret" -}}
{{ .Values.operator.existingSecret | default (printf "%s-operator" (include "vigil.name" .)) }}
{{- end }}
{{- define "vigil.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-postgresql" (include "vigil.name" .)) }}
{{- end }}
{{- define "vigil.proberSecret" -}}
{{ .Values.prober.existingSecret | default (printf "%s-prober" (include "vigil.name" .)) }}
{{- end }}
{{- define "vigil.redisSecret" -}}
{{ .Values.redis.existingSecret | default (printf "%s-redis" (include "vigil.name" .)) }}
{{- end }}

{{/*
The existing value of a Secret, or a new random one: call with (list $ secret key length). Without a cluster the existing
value is unknown, and a new one would make the database unreadable.
*/}}
{{- define "vigil.kept" -}}
{{- $found := (lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1)) | default dict }}
{{- $data := get $found "data" | default dict }}
{{- if hasKey $data (index . 2) }}{{ get $data (index . 2) | b64dec }}
{{- else if not (lookup "v1" "Namespace" "" "kube-system") }}
{{- fail (printf "the Secret %s cannot be read without a cluster, and its keys must not change: create the Secrets yourself, and set backend.existingSecret, operator.existingSecret, prober.existingSecret, database.existingSecret and redis.existingSecret (to try the chart, helm install --dry-run=server can read the cluster)" (index . 1)) }}
{{- else }}{{ randAlphaNum (int (index . 3)) }}{{ end -}}
{{- end }}

{{/* With Redis, a Celery worker sends notifications; without it, the backend processes do. */}}
{{- define "vigil.hasRedis" -}}
{{- if or .Values.redis.existingSecret .Values.redis.enabled }}true{{ end -}}
{{- end }}

{{/* Images and clips are on a volume unless a bucket is configured. */}}
{{- define "vigil.hasMediaVolume" -}}
{{- if and .Values.media.persistence.enabled (not .Values.media.s3.bucket) }}true{{ end -}}
{{- end }}

{{/* All namespaces with cameras, separated by commas. */}}
{{- define "vigil.cameraNamespaces" -}}
{{- prepend (keys (omit .Values.detectors.watchedNamespaces .Values.detectors.namespace) | sortAlpha) .Values.detectors.namespace | join "," -}}
{{- end }}

{{/* Ports of a NetworkPolicy for the API server, which does not run as a pod in most clusters. */}}
{{- define "vigil.apiServerPorts" -}}
{{- range .Values.networkPolicy.apiServerPorts }}
- {protocol: TCP, port: {{ int . }}}
{{- end }}
{{- end }}

{{- define "vigil.hasTls" -}}
{{- if or .Values.ingress.enabled .Values.gateway.enabled }}true{{ end -}}
{{- end }}

{{/* Environment of all backend processes: web server, bootstrap job, workers. */}}
{{- define "vigil.backendEnv" -}}
{{- $name := include "vigil.name" . }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: VIGIL_ALLOWED_HOSTS
  # Prometheus scrapes by pod address.
  value: {{ printf "$(POD_IP),localhost,127.0.0.1,%[1]s-backend,%[1]s-backend.%[2]s,%[1]s-backend.%[2]s.svc,%[1]s-backend.%[2]s.svc.cluster.local%[3]s" $name .Release.Namespace (include "vigil.hosts" .) | quote }}
{{- if include "vigil.hasTls" . }}
- {name: VIGIL_BEHIND_TLS_PROXY, value: "1"}
- {name: FORWARDED_ALLOW_IPS, value: {{ .Values.backend.trustedProxies | default "127.0.0.1" | quote }}}
{{- $origin := printf "https://%s" (.Values.ingress.enabled | ternary .Values.ingress.host .Values.gateway.host) }}
- {name: VIGIL_CSRF_TRUSTED_ORIGINS, value: {{ $origin | quote }}}
{{- if not (hasKey .Values.backend.env "VIGIL_PUBLIC_URL") }}
- {name: VIGIL_PUBLIC_URL, value: {{ $origin | quote }}}
{{- end }}
{{- else }}
# Without TLS: for access by `kubectl port-forward` over loopback.
- {name: VIGIL_INSECURE_HTTP, value: "1"}
{{- end }}
- {name: VIGIL_SECRET_KEY_FILE, value: /var/run/secrets/vigil.dev/backend/secret-key}
- {name: VIGIL_CREDENTIAL_KEYS_FILE, value: /var/run/secrets/vigil.dev/backend/credential-keys}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "vigil.databaseSecret" . }}, key: url}}
{{- if and .Values.pgbouncer.enabled (not (hasKey .Values.backend.env "VIGIL_DATABASE_IS_POOLED")) }}
- {name: VIGIL_DATABASE_IS_POOLED, value: "1"}
{{- end }}
{{- if include "vigil.hasRedis" . }}
- name: REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ include "vigil.redisSecret" . }}, key: url}}
{{- end }}
- {name: VIGIL_MEDIA_DIR, value: /var/lib/vigil/media}
{{- if and .Values.operator.clusterName (not (hasKey .Values.backend.env "VIGIL_DEFAULT_CLUSTER")) }}
- {name: VIGIL_DEFAULT_CLUSTER, value: {{ .Values.operator.clusterName | quote }}}
{{- end }}
{{- with .Values.media.s3 }}
{{- if .bucket }}
- {name: VIGIL_S3_BUCKET, value: {{ .bucket | quote }}}
- {name: VIGIL_S3_REGION, value: {{ .region | quote }}}
- {name: VIGIL_S3_ADDRESSING_STYLE, value: {{ .addressingStyle | quote }}}
{{- with .endpoint }}
- {name: VIGIL_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .publicEndpoint }}
- {name: VIGIL_S3_PUBLIC_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .prefix }}
- {name: VIGIL_S3_PREFIX, value: {{ . | quote }}}
{{- end }}
{{- with .existingSecret }}
- name: VIGIL_S3_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: access-key-id}}
- name: VIGIL_S3_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: secret-access-key}}
{{- end }}
{{- end }}
{{- end }}
- name: VIGIL_VAPID_KEY
  # For Web Push; optional in a Secret that you create yourself.
  valueFrom: {secretKeyRef: {name: {{ include "vigil.backendSecret" . }}, key: vapid-key, optional: true}}
- name: VIGIL_EVIDENCE_KEY
  # Signs exports of cases; optional in a Secret that you create yourself.
  valueFrom: {secretKeyRef: {name: {{ include "vigil.backendSecret" . }}, key: evidence-key, optional: true}}
{{- range $key, $value := .Values.backend.quotas }}
- {name: VIGIL_MAX_{{ snakecase $key | upper }}, value: {{ ternary "" (printf "%d" (int64 $value)) (eq (toString $value) "") | quote }}}
{{- end }}
{{- range $key, $value := .Values.backend.env }}
- {name: {{ $key }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{/* Paths published by Ingress or Gateway, as "type path": all except /metrics and /readyz. */}}
{{- define "vigil.publicPaths" -}}
{{- $admin := get .Values.backend.env "VIGIL_ADMIN_PATH" | default "admin" | trimAll "/" -}}
Exact /,Prefix /api,Prefix /dashboard,Prefix /invitation,Prefix /static,Exact /healthz,Prefix /{{ $admin }}
{{- end }}

{{- define "vigil.hosts" -}}
{{- range .Values.backend.hosts }},{{ . }}{{ end }}
{{- if .Values.ingress.enabled }},{{ .Values.ingress.host }}{{ end }}
{{- if .Values.gateway.enabled }},{{ .Values.gateway.host }}{{ end }}
{{- end }}
{{- define "vigil.backendEnvFrom" -}}
{{- with .Values.backend.envFromSecrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}
