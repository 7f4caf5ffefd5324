// Signatures, verified at receipt by another's code against what DNS says at that moment.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

var verifying sync.WaitGroup

// keyFor is how long what DNS said holds: as long as no key can come and go unseen.
const keyFor = time.Second

// A look-up that no answer comes to is made again: only what DNS says is a fault.
const (
	tries     = 5
	triesWait = 500 * time.Millisecond
)

type answer struct {
	at    time.Time
	texts []string
}

type texts struct {
	sync.Mutex
	resolver *net.Resolver
	known    map[string]answer
}

var txt = texts{known: map[string]answer{}}

func (t *texts) server() *net.Resolver {
	if t.resolver == nil {
		t.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, *keyDNS)
		}}
	}
	return t.resolver
}

// lookUp holds the lock while it asks: a burst asks once.
func (t *texts) lookUp(name string) ([]string, error) {
	t.Lock()
	defer t.Unlock()
	if it, ok := t.known[name]; ok && time.Since(it.at) < keyFor {
		return it.texts, nil
	}
	found, err := t.server().LookupTXT(context.Background(), strings.TrimSuffix(name, ".")+".")
	if err == nil {
		t.known[name] = answer{time.Now(), found}
	}
	return found, err
}

func (m *message) verify(phase int) {
	defer verifying.Done()
	fault := m.fault()
	for try := 1; fault != "" && try < tries && strings.Contains(fault, "unavailable"); try++ {
		time.Sleep(triesWait)
		fault = m.fault()
	}
	if fault == "" {
		return
	}
	led.Lock()
	defer led.Unlock()
	if led.noSig < 4 {
		fmt.Fprintln(os.Stderr, "signature:", m.id, fault)
	}
	led.unsigned(phase)
}

// fault says what is wrong with the signatures; empty when all hold, and there are as many as are asked for.
func (m *message) fault() string {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(m.raw), &dkim.VerifyOptions{LookupTXT: txt.lookUp})
	if err != nil {
		return err.Error()
	}
	for _, it := range found {
		if it.Err != nil {
			return it.Domain + ": " + it.Err.Error()
		}
	}
	if len(found) < *fewest {
		return fmt.Sprintf("%d signatures", len(found))
	}
	return ""
}
