{{/* Name of everything of this release. */}}
{{- define "postfleet.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "postfleet.operator" -}}
{{- printf "%s-operator" (include "postfleet.fullname" .) -}}
{{- end -}}

{{- define "postfleet.egress" -}}
{{- printf "%s-egress" (include "postfleet.fullname" .) -}}
{{- end -}}

{{/* The operator reads pods of this name, whatever the chart is called. */}}
{{- define "postfleet.egressSelector" -}}
app.kubernetes.io/name: postfleet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: egress
{{- end -}}

{{/* What the operator's pods are found by. It never changes: a Deployment's selector cannot. */}}
{{- define "postfleet.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "postfleet.labels" -}}
{{- $ours := dict
  "app.kubernetes.io/name" (default .Chart.Name .Values.nameOverride)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "postfleet"
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- merge $ours .Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "postfleet.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "postfleet.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name an account that is there, or let serviceAccount.create make one" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "postfleet.image" -}}
{{- $repository := required "image.repository: say where the image of Postfleet is, such as registry.example.com/postfleet" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}
