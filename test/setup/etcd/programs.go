//go:build programs

// Package programs names the program that test/setup/control-plane.ts builds, so that go.mod and go.sum hold all it needs.
package programs

import _ "go.etcd.io/etcd/server/v3"
