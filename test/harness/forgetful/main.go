// forgetful is a file system that loses power.
//
// It keeps a folder in memory and mounts it. What was not fsynced exists for running programs only: at SIGUSR1 the
// power is cut, the folder is left as a disk might have it then, and nothing is answered any more.
//
//	forgetful -folder DISK -mount POINT [-seed N] [-syncdelay 20ms] [-journal]
//
// With -journal each fsync keeps all names that were given and taken before it, in every folder, as the one journal of
// ext4 and XFS does; without it a file's own folder only. What is in other files is forgotten all the same.
//
// Says "mounted" on standard error when it may be used, and prints one JSON line about what a cut has lost. SIGTERM
// unmounts in peace, with everything on disk. At SIGUSR2 it says on standard error which threads have called fsync, and
// how often each: "syncs" and a JSON object.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	folder := flag.String("folder", "", "what is on disk, before and after")
	mount := flag.String("mount", "", "where it is mounted")
	seed := flag.Int64("seed", 1, "of what a cut leaves")
	delay := flag.Duration("syncdelay", 0, "how long each fsync takes")
	journal := flag.Bool("journal", false, "each fsync keeps all names")
	flag.Parse()

	disk := &disk{random: rand.New(rand.NewSource(*seed)), syncDelay: *delay, journal: *journal, syncs: map[uint32]int{}}
	root := newFolder(disk, 0o700)
	never := 24 * time.Hour
	server, err := fs.Mount(*mount, root, &fs.Options{
		AttrTimeout:  &never,
		EntryTimeout: &never,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "forgetful", Name: "forgetful"},
	})
	if err != nil {
		log.Fatalf("forgetful: cannot mount %s: %v", *mount, err)
	}
	if err := root.load(*folder); err != nil {
		_ = server.Unmount()
		log.Fatalf("forgetful: cannot read %s: %v", *folder, err)
	}
	fmt.Fprintln(os.Stderr, "mounted")

	go disk.saySyncs()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGTERM)
	if <-signals == syscall.SIGTERM {
		_ = server.Unmount()
		disk.lock.Lock()
		root.syncAll()
	} else {
		// Held to the end: nothing is answered from here on.
		disk.lock.Lock()
		root.cut()
	}
	if err := root.store(*folder); err != nil {
		log.Fatalf("forgetful: cannot write %s: %v", *folder, err)
	}
	report, _ := json.Marshal(disk.lost)
	fmt.Println(string(report))
}

// saySyncs answers each SIGUSR2.
func (it *disk) saySyncs() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	for range asked {
		it.lock.Lock()
		said, _ := json.Marshal(it.syncs)
		it.lock.Unlock()
		fmt.Fprintf(os.Stderr, "syncs %s\n", said)
	}
}
