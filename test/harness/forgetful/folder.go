package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// entryChange gives a name to a file or folder, or with nil takes it away.
type entryChange struct {
	name string
	node fs.InodeEmbedder
}

// folder has its entries twice too. What programs see is the tree of inodes.
type folder struct {
	fs.Inode
	disk    *disk
	mode    uint32
	durable map[string]fs.InodeEmbedder
	pending []entryChange
}

var (
	_ fs.NodeCreater   = (*folder)(nil)
	_ fs.NodeMkdirer   = (*folder)(nil)
	_ fs.NodeUnlinker  = (*folder)(nil)
	_ fs.NodeRmdirer   = (*folder)(nil)
	_ fs.NodeRenamer   = (*folder)(nil)
	_ fs.NodeFsyncer   = (*folder)(nil)
	_ fs.NodeGetattrer = (*folder)(nil)
	_ fs.NodeSetattrer = (*folder)(nil)
	_ fs.NodeStatfser  = (*folder)(nil)
)

func newFolder(disk *disk, mode uint32) *folder {
	made := &folder{disk: disk, mode: mode, durable: map[string]fs.InodeEmbedder{}}
	disk.folders = append(disk.folders, made)
	return made
}

func (it *folder) Create(ctx context.Context, name string, _ uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	made := &file{disk: it.disk, mode: mode & 0o7777}
	node := it.NewPersistentInode(ctx, made, fs.StableAttr{Mode: syscall.S_IFREG})
	it.pending = append(it.pending, entryChange{name, made})
	made.describe(&out.Attr)
	return node, nil, 0, 0
}

func (it *folder) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	made := newFolder(it.disk, mode&0o7777)
	it.pending = append(it.pending, entryChange{name, made})
	out.Attr.Mode = syscall.S_IFDIR | made.mode
	return it.NewPersistentInode(ctx, made, fs.StableAttr{Mode: syscall.S_IFDIR}), 0
}

func (it *folder) Unlink(_ context.Context, name string) syscall.Errno {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	it.pending = append(it.pending, entryChange{name: name})
	return 0
}

func (it *folder) Rmdir(ctx context.Context, name string) syscall.Errno {
	return it.Unlink(ctx, name)
}

func (it *folder) Rename(_ context.Context, name string, to fs.InodeEmbedder, toName string, _ uint32) syscall.Errno {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	node := it.GetChild(name).Operations()
	target := to.EmbeddedInode().Operations().(*folder)
	target.pending = append(target.pending, entryChange{toName, node})
	it.pending = append(it.pending, entryChange{name: name})
	return 0
}

func (it *folder) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	it.disk.lock.Lock()
	defer it.disk.lock.Unlock()
	it.sync()
	return 0
}

func (it *folder) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Attr.Mode = syscall.S_IFDIR | it.mode
	return 0
}

func (it *folder) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if mode, ok := in.GetMode(); ok {
		it.mode = mode & 0o7777
	}
	out.Attr.Mode = syscall.S_IFDIR | it.mode
	return 0
}

// Statfs says that there is room: this disk is never full.
func (it *folder) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	*out = fuse.StatfsOut{Bsize: 4096, Blocks: 1 << 24, Bfree: 1 << 24, Bavail: 1 << 24, NameLen: 255}
	return 0
}

func (it *folder) sync() {
	it.apply(len(it.pending))
	it.pending = nil
}

// apply makes the first so many changes durable: a journal keeps their order.
func (it *folder) apply(count int) {
	for _, one := range it.pending[:count] {
		if one.node == nil {
			delete(it.durable, one.name)
		} else {
			it.durable[one.name] = one.node
		}
	}
}

// syncAll makes everything durable, as an orderly shutdown does.
func (it *folder) syncAll() {
	it.sync()
	for _, node := range it.durable {
		switch node := node.(type) {
		case *folder:
			node.syncAll()
		case *file:
			node.sync()
		}
	}
}

// cut leaves the first so many changes, and the same below.
func (it *folder) cut() {
	kept := it.disk.random.Intn(len(it.pending) + 1)
	it.disk.lost.Entries += len(it.pending) - kept
	it.apply(kept)
	for _, name := range names(it.durable) {
		switch node := it.durable[name].(type) {
		case *folder:
			node.cut()
		case *file:
			node.cut()
		}
	}
}

// load fills an empty folder that is mounted from one on disk.
func (it *folder) load(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		from := filepath.Join(path, entry.Name())
		if entry.IsDir() {
			made := newFolder(it.disk, uint32(info.Mode().Perm()))
			it.add(entry.Name(), made, syscall.S_IFDIR)
			if err := made.load(from); err != nil {
				return err
			}
			continue
		}
		bytes, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		made := &file{disk: it.disk, mode: uint32(info.Mode().Perm()), changed: info.ModTime(), durable: bytes}
		made.live = append([]byte(nil), bytes...)
		it.add(entry.Name(), made, syscall.S_IFREG)
	}
	return nil
}

func (it *folder) add(name string, node fs.InodeEmbedder, kind uint32) {
	it.durable[name] = node
	it.AddChild(name, it.NewPersistentInode(context.Background(), node, fs.StableAttr{Mode: kind}), true)
}

// store replaces what is in a folder on disk by what is durable.
func (it *folder) store(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.Mkdir(path, os.FileMode(it.mode)); err != nil {
		return err
	}
	for name, node := range it.durable {
		to := filepath.Join(path, name)
		var err error
		switch node := node.(type) {
		case *folder:
			err = node.store(to)
		case *file:
			err = os.WriteFile(to, node.durable, os.FileMode(node.mode))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// names in order, so that one seed is one cut.
func names(entries map[string]fs.InodeEmbedder) []string {
	return slices.Sorted(maps.Keys(entries))
}
