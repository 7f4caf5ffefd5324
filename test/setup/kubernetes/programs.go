//go:build programs

// Package programs names the programs that test/setup/control-plane.ts builds, so that go.mod and go.sum hold all they need.
// To change the version: go mod edit -require and the replaced modules (v0.X for v1.X), then `go mod tidy -e`.
package programs

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
