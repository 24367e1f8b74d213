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
{{- $name := ternary .repository (printf "%s/%s" .registry .repository) (empty .registry) }}
{{- if .digest }}
{{- printf "%s@%s" $name .digest }}
{{- else }}
{{- printf "%s:%s" $name (default (printf "v%s" $.Chart.AppVersion) .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which series are this release's. */}}
{{- define "lambda-triggers.series" -}}
{{- default (printf `job="%s",namespace="%s"` (include "lambda-triggers.fullname" .) .Release.Namespace) .Values.prometheusRule.selector }}
{{- end }}
