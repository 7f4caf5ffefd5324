// CoreDNS with the few plugins that a test's node needs: names of the cluster, and zones in files.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/reload"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
)

func init() {
	// In the order in which they are asked.
	dnsserver.Directives = []string{"reload", "bind", "errors", "kubernetes", "file"}
}

func main() { coremain.Run() }
