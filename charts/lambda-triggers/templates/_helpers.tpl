{{- define "lambda-triggers.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, and the chart's where the release's does not hold it already. */}}
{{- define "lambda-triggers.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "lambda-triggers.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "lambda-triggers.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What is not in a namespace has the release's in its name: two releases of one name may be in one cluster. */}}
{{- define "lambda-triggers.clusterName" -}}
{{- if eq .Release.Namespace (include "lambda-triggers.fullname" .) }}
{{- include "lambda-triggers.fullname" . }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace (include "lambda-triggers.fullname" .) }}
{{- end }}
{{- end }}

{{- define "lambda-triggers.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lambda-triggers.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* (dict "root" $ "labels" map): one map, so that no key is there twice. The selector's labels always stay; of the others,
the map's win over commonLabels, and those over the chart's. */}}
{{- define "lambda-triggers.labels" -}}
{{- $selector := include "lambda-triggers.selectorLabels" .root | fromYaml }}
{{- $own := dict
    "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
    "app.kubernetes.io/version" .root.Chart.AppVersion
    "app.kubernetes.io/component" "controller"
    "app.kubernetes.io/part-of" "lambda-triggers"
    "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- merge $selector (.labels | default dict) .root.Values.commonLabels $own | toYaml }}
{{- end }}

{{/* Metadata but for the name: (dict "root" $ "labels" map "annotations" map). */}}
{{- define "lambda-triggers.metadata" -}}
labels:
  {{- include "lambda-triggers.labels" (dict "root" .root "labels" .labels) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "lambda-triggers.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "lambda-triggers.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "lambda-triggers.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "lambda-triggers.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "lambda-triggers.image" -}}
{{- with .Values.image }}
{{- $registry := default .registry $.Values.global.imageRegistry }}
{{- $name := ternary .repository (printf "%s/%s" $registry .repository) (empty $registry) }}
{{- if .digest }}
{{- printf "%s@%s" $name .digest }}
{{- else }}
{{- printf "%s:%s" $name (default (printf "v%s" $.Chart.AppVersion) .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which series are this release's. */}}
{{- define "lambda-triggers.series" -}}
{{- $job := include "lambda-triggers.fullname" . }}
{{- if .Values.podMonitor.enabled }}{{ $job = printf "%s/%s" (default .Release.Namespace .Values.podMonitor.namespace) $job }}{{ end }}
{{- default (printf `job="%s",namespace="%s"` $job .Release.Namespace) .Values.prometheusRule.selector }}
{{- end }}

{{/* The address with the port. An IPv6 address is in brackets, with or without brackets in the values. */}}
{{- define "lambda-triggers.httpAddress" -}}
{{- $address := .Values.http.address }}
{{- if and (contains ":" $address) (not (hasPrefix "[" $address)) }}{{ $address = printf "[%s]" $address }}{{ end }}
{{- printf "%s:%v" $address .Values.http.port }}
{{- end }}

{{- define "lambda-triggers.env" -}}
{{- /* The settings are variables, not arguments: `kubectl exec` of another command then has them, too. */}}
{{- $tags := list }}
{{- range $key, $value := .Values.defaultTags }}
{{- $tags = append $tags (printf "%s=%s" $key $value) }}
{{- end }}
{{- $settings := list
    (list "NAMESPACE" (join "," .Values.watchNamespaces))
    (list "OWNER_ID" .Values.ownerId)
    (list "REGION" .Values.region)
    (list "DEFAULT_TAGS" (join "," $tags))
    (list "SCHEDULER_ROLE_ARN" .Values.schedules.roleArn)
    (list "DEFAULT_BACKEND" .Values.schedules.defaultBackend)
    (list "RESYNC" .Values.resync)
    (list "RECONCILE_TIMEOUT" .Values.reconcileTimeout)
    (list "WRITE_GRACE_PERIOD" .Values.writeGracePeriod)
    (list "LAMBDA_RATE" .Values.rates.lambda)
    (list "EVENTBRIDGE_RATE" .Values.rates.eventbridge)
    (list "SCHEDULER_RATE" .Values.rates.scheduler)
    (list "S3_RATE" .Values.rates.s3)
    (list "LOG_FORMAT" .Values.log.format)
    (list "HTTP_ADDRESS" (include "lambda-triggers.httpAddress" .))
    (list "OTLP_ENDPOINT" .Values.otlp.endpoint)
    (list "TENANCY_FILE" (ternary "/etc/lambda-triggers/tenancy/tenancy.yaml" "" (not (empty .Values.tenancy)))) }}
{{- $own := list
    (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name")))
    (dict "name" "RUST_LOG" "value" .Values.log.level) }}
{{- range $settings }}
{{- if index . 1 }}
{{- $own = append $own (dict "name" (printf "LAMBDA_TRIGGERS_%s" (index . 0)) "value" (toString (index . 1))) }}
{{- end }}
{{- end }}
{{- $names := list }}
{{- range .Values.extraEnv }}{{ $names = append $names .name }}{{ end }}
{{- /* Each name appears only once, because server-side apply rejects duplicate names. */}}
{{- $env := list }}
{{- range $own }}
{{- if not (has .name $names) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- toYaml (concat $env .Values.extraEnv) }}
{{- end }}

{{- define "lambda-triggers.volumeMounts" -}}
{{- if .Values.tenancy }}
# Mounts the folder, because Kubernetes never updates a file that is mounted with subPath.
- {name: tenancy, mountPath: /etc/lambda-triggers/tenancy, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "lambda-triggers.volumes" -}}
{{- if .Values.tenancy }}
- name: tenancy
  configMap: {name: {{ include "lambda-triggers.fullname" . }}-tenancy}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The settings that the pods of the Deployment and of `helm test` share. */}}
{{- define "lambda-triggers.podSettings" -}}
serviceAccountName: {{ include "lambda-triggers.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
enableServiceLinks: false
{{- with concat (default list .Values.global.imagePullSecrets) .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "lambda-triggers.volumes" . | fromYamlArray }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list root kind values): a ServiceMonitor or a PodMonitor of the release. */}}
{{- define "lambda-triggers.monitor" -}}
{{- $root := index . 0 }}
{{- $kind := index . 1 }}
{{- with index . 2 }}
{{- if .enabled }}
apiVersion: monitoring.coreos.com/v1
kind: {{ $kind }}
metadata:
  name: {{ include "lambda-triggers.fullname" $root }}
  namespace: {{ default $root.Release.Namespace .namespace }}
  {{- include "lambda-triggers.metadata" (dict "root" $root "labels" .labels "annotations" .annotations) | nindent 2 }}
spec:
  {{- if .jobLabel }}
  jobLabel: {{ .jobLabel }}
  {{- end }}
  namespaceSelector: {matchNames: [{{ $root.Release.Namespace }}]}
  selector:
    matchLabels:
      {{- include "lambda-triggers.selectorLabels" $root | nindent 6 }}
  {{- with .spec }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{ ternary "podMetricsEndpoints" "endpoints" (eq $kind "PodMonitor") }}:
    - port: http
      path: /metrics
      interval: {{ .interval }}
      scrapeTimeout: {{ .scrapeTimeout }}
      {{- with .relabelings }}
      relabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .metricRelabelings }}
      metricRelabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .endpoint }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
