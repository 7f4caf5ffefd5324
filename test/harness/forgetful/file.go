package main

import (
	"context"
	"math/rand"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A disk tears writes between sectors only.
const sector = 512

// disk is what all files share.
type disk struct {
	lock      sync.Mutex
	random    *rand.Rand
	syncDelay time.Duration
	// journal is set when every fsync keeps all names.
	journal bool
	folders []*folder
	lost      losses
	// syncs counts a thread's calls of fsync.
	syncs map[uint32]int
}

// losses is what a cut forgot.
type losses struct {
	Writes  int `json:"writes"`
	Torn    int `json:"torn"`
	Entries int `json:"entries"`
}

// change is a write, or with no bytes a new size.
type change struct {
	at    int64
	bytes []byte
}

// file has its bytes twice: as programs see them, and as they were at the last fsync with what changed since.
type file struct {
	fs.Inode
	disk    *disk
	mode    uint32
	changed time.Time
	live    []byte
	durable []byte
	pending []change
}

var (
	_ fs.NodeOpener    = (*file)(nil)
	_ fs.NodeReader    = (*file)(nil)
	_ fs.NodeWriter    = (*file)(nil)
	_ fs.NodeFsyncer   = (*file)(nil)
	_ fs.NodeGetattrer = (*file)(nil)
	_ fs.NodeSetattrer = (*file)(nil)
)

func (it *file) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (it *file) Read(_ context.Context, _ fs.FileHandle, into []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	if at >= int64(len(it.live)) {
		return fuse.ReadResultData(nil), 0
	}
	count := copy(into, it.live[at:])
	return fuse.ReadResultData(into[:count]), 0
}

func (it *file) Write(_ context.Context, _ fs.FileHandle, bytes []byte, at int64) (uint32, syscall.Errno) {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	it.change(change{at, append([]byte(nil), bytes...)})
	return uint32(len(bytes)), 0
}

func (it *file) Fsync(ctx context.Context, _ fs.FileHandle, _ uint32) syscall.Errno {
	time.Sleep(it.disk.syncDelay)
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	if caller, isKnown := fuse.FromContext(ctx); isKnown {
		it.disk.syncs[caller.Pid]++
	}
	it.sync()
	if it.disk.journal {
		it.disk.syncNames()
	}
	// A file that was fsynced can be found: its name is part of the same journal on ext4 and XFS.
	if _, parent := it.Parent(); parent != nil {
		parent.Operations().(*folder).sync()
	}
	return 0
}

func (it *disk) syncNames() {
	for _, one := range it.folders {
		one.sync()
	}
}

func (it *file) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	it.describe(&out.Attr)
	return 0
}

func (it *file) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	if size, ok := in.GetSize(); ok {
		it.change(change{at: int64(size)})
	}
	if mode, ok := in.GetMode(); ok {
		it.mode = mode & 0o7777
	}
	it.describe(&out.Attr)
	return 0
}

func (it *file) describe(attr *fuse.Attr) {
	attr.Mode = syscall.S_IFREG | it.mode
	attr.Size = uint64(len(it.live))
	attr.Blocks = (attr.Size + sector - 1) / sector
	attr.Nlink = 1
	attr.SetTimes(nil, &it.changed, &it.changed)
}

func (it *file) change(one change) {
	it.live = one.applyTo(it.live)
	it.pending = append(it.pending, one)
	it.changed = time.Now()
}

func (it *file) sync() {
	for _, one := range it.pending {
		it.durable = one.applyTo(it.durable)
	}
	it.pending = nil
}

// cut leaves some of what was not fsynced: the first so many writes or any of them, and one of them torn.
func (it *file) cut() {
	random := it.disk.random
	anyOrder := random.Intn(2) == 0
	reached := random.Intn(len(it.pending) + 1)
	for at, one := range it.pending {
		switch {
		case at == reached && len(one.bytes) > sector:
			cutAt := sector * (1 + random.Intn(len(one.bytes)/sector))
			it.durable = change{one.at, one.bytes[:min(cutAt, len(one.bytes))]}.applyTo(it.durable)
			it.disk.lost.Torn++
		case at < reached && !anyOrder, anyOrder && random.Intn(2) == 0:
			it.durable = one.applyTo(it.durable)
		default:
			it.disk.lost.Writes++
		}
	}
	it.pending = nil
}

func (one change) applyTo(bytes []byte) []byte {
	if one.bytes == nil {
		return resized(bytes, one.at)
	}
	if end := one.at + int64(len(one.bytes)); end > int64(len(bytes)) {
		bytes = resized(bytes, end)
	}
	copy(bytes[one.at:], one.bytes)
	return bytes
}

func resized(bytes []byte, size int64) []byte {
	if size <= int64(len(bytes)) {
		return bytes[:size]
	}
	return append(bytes, make([]byte, size-int64(len(bytes)))...)
}
