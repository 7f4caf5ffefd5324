// What belongs to which phase of a run: SIGHUP begins the next one.
package main

import (
	"os"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"
)

// sums are the counts of one phase: of what was handed in during it, and of what was first delivered during it.
type sums struct {
	Accepted   int     `json:"accepted"`
	Unknown    int     `json:"unknown"`
	Refused    int     `json:"refused"`
	Lost       int     `json:"lost"`
	Delivered  int     `json:"delivered"`
	Duplicates int     `json:"duplicates"`
	InDoubt    int     `json:"inDoubt"`
	Unsigned   int     `json:"unsigned"`
	Seconds    float64 `json:"seconds"`
	began      time.Time
}

func turnPhases() {
	turns := make(chan os.Signal, 16)
	signal.Notify(turns, syscall.SIGHUP)
	for range turns {
		led.Lock()
		led.sums[led.phase].Seconds = time.Since(led.began()).Seconds()
		led.sums = append(led.sums, sums{began: time.Now()})
		led.phase++
		led.Unlock()
	}
}

// began is when the phase that runs has begun.
func (l *ledger) began() time.Time {
	if l.phase == 0 {
		return began
	}
	return l.sums[l.phase].began
}

func (l *ledger) sending(id string) {
	l.sent[id] = time.Now()
	l.sentIn[id] = l.phase
}

func (l *ledger) accepted(id string) {
	l.taken[id] = true
	if l.got[id] == 0 {
		l.waiting++
	}
}

func (l *ledger) refused() {
	l.sums[l.phase].Refused++
}

func (l *ledger) unsigned(phase int) {
	l.noSig++
	l.sums[phase].Unsigned++
}

// isLost is true of what was accepted and neither came nor was refused for good.
func (l *ledger) isLost(id string) bool {
	return l.got[id] == 0 && !l.bounced[id[strings.LastIndexByte(id, '-')+1:]]
}

// phases counts each message where it was handed in, and its copies where the first was delivered: what a kill doubles was in doubt then.
func (l *ledger) phases() []sums {
	l.sums[l.phase].Seconds = ended.Sub(l.began()).Seconds()
	for id := range l.taken {
		sum := &l.sums[l.sentIn[id]]
		sum.Accepted++
		if l.isLost(id) {
			sum.Lost++
		}
	}
	for id := range l.unknown {
		l.sums[l.sentIn[id]].Unknown++
	}
	for id, copies := range l.got {
		sum := &l.sums[l.gotIn[id]]
		sum.Delivered += copies
		sum.Duplicates += copies - 1
	}
	return l.sums
}

// origin is what one address delivered under one name.
type origin struct {
	IP        string `json:"ip"`
	Ehlo      string `json:"ehlo"`
	Delivered int    `json:"delivered"`
}

func (l *ledger) origins() []origin {
	out := []origin{}
	for from, count := range l.sources {
		out = append(out, origin{from.ip, from.ehlo, count})
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Delivered > out[b].Delivered })
	return out
}
