// Package disk keeps the bytes of virtual disks in files, and the space of
// datastores.
//
// A disk is known by the datastore path of its descriptor. Its file lies in a
// folder beside where the descriptor would:
//
//	[ds0] web/web.vmdk         <dir>/ds0/web/bytes/web-flat.raw      made on first use
//	[ds0] web/web-000001.vmdk  <dir>/ds0/web/bytes/web-000001.qcow2  a delta, made by its first writer
//
// A delta without a file is what its parent is. Nothing writes to a disk that
// has a delta, so that the state at the time of a snapshot stays readable.
// Collapse gives a delta its parent's name and leaves the files as they are: a
// running guest keeps its file open, and needs no merging of blocks.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/vmware/govmomi/object"

	"hdm.dev/lab/vcenter/internal/hook"
)

// Datastore is a datastore's name and size.
type Datastore struct {
	Name          string
	CapacityBytes int64
}

// Store implements hook.Disks.
type Store struct {
	dir string

	mu     sync.Mutex
	stores map[string]*space
	disks  map[string]*entry
	// deltas are the entries with a parent that are not released.
	deltas map[*entry]bool
}

// space is the accounting of one datastore.
type space struct {
	capacityBytes int64
	usedBytes     int64
	// offBytes is taken from the free space, by SetFree. It may be negative.
	offBytes int64
}

// entry is one disk or delta. Its parent, file and size never change.
type entry struct {
	spec   hook.DiskSpec
	ds     string
	parent *entry
	// path is where the file is once it is made.
	path string
	// children counts the deltas above, hidden ones included.
	children int
	// known is false once the entry is only there for the deltas above.
	known bool

	// make serialises the making of the file.
	make sync.Mutex
}

// New returns a store of files below dir, one directory for each datastore.
func New(dir string, datastores []Datastore) (*Store, error) {
	s := &Store{dir: dir, stores: make(map[string]*space), disks: make(map[string]*entry),
		deltas: make(map[*entry]bool)}
	for _, ds := range datastores {
		if err := os.MkdirAll(filepath.Join(dir, ds.Name), 0o700); err != nil {
			return nil, fmt.Errorf("making datastore %q: %w", ds.Name, err)
		}
		s.stores[ds.Name] = &space{capacityBytes: ds.CapacityBytes}
	}
	return s, nil
}

// Dir is where the files of a datastore are.
func (s *Store) Dir(datastore string) string { return filepath.Join(s.dir, datastore) }

// Define implements hook.Disks.
func (s *Store) Define(spec hook.DiskSpec) error {
	if spec.CapacityBytes <= 0 || spec.CapacityBytes%512 != 0 {
		return fmt.Errorf("disk %s: %d bytes are not a positive multiple of 512", spec.File, spec.CapacityBytes)
	}
	ds, path, err := s.place(spec.File, "-flat.raw")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disks[spec.File] != nil {
		return fmt.Errorf("disk %s exists already", spec.File)
	}
	sp := s.stores[ds]
	if free := s.free(ds); spec.CapacityBytes > free {
		return &hook.NoSpace{Datastore: ds, NeededBytes: spec.CapacityBytes, FreeBytes: max(0, free)}
	}
	sp.usedBytes += spec.CapacityBytes
	s.disks[spec.File] = &entry{spec: spec, ds: ds, path: path, known: true}
	return nil
}

// Ensure is Define, but takes a disk that is known as it is.
func (s *Store) Ensure(spec hook.DiskSpec) error {
	if _, known := s.Spec(spec.File); known {
		return nil
	}
	return s.Define(spec)
}

// Fork implements hook.Disks.
func (s *Store) Fork(parent, child string) error {
	ds, path, err := s.place(child, ".qcow2")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.disks[parent]
	if p == nil {
		return unknown(parent)
	}
	if s.disks[child] != nil {
		return fmt.Errorf("disk %s exists already", child)
	}
	spec := p.spec
	spec.File = child
	p.children++
	// The name of a collapsed delta can come back while its file is in use.
	for s.inUse(path) {
		path = strings.TrimSuffix(path, ".qcow2") + "x.qcow2"
	}
	e := &entry{spec: spec, ds: ds, parent: p, path: path, known: true}
	s.disks[child], s.deltas[e] = e, true
	return nil
}

func (s *Store) inUse(path string) bool {
	for _, e := range s.disks {
		for ; e != nil; e = e.parent {
			if e.path == path {
				return true
			}
		}
	}
	return false
}

// Remove implements hook.Disks.
func (s *Store) Remove(file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.disks[file]
	if e == nil {
		return nil
	}
	delete(s.disks, file)
	e.known = false
	return s.release(e)
}

// release deletes the files of entries that nobody needs any more.
func (s *Store) release(e *entry) error {
	for e != nil && !e.known && e.children == 0 {
		if e.parent == nil {
			s.stores[e.ds].usedBytes -= e.spec.CapacityBytes
		} else {
			e.parent.children--
			delete(s.deltas, e)
		}
		e.make.Lock() // waits for who is making the file
		err := os.Remove(e.path)
		e.make.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing disk %s: %w", e.spec.File, err)
		}
		e = e.parent
	}
	return nil
}

// Collapse gives the disk child the name of the disk parent below it, which
// must have no other delta. It is what the removal of a snapshot does.
func (s *Store) Collapse(parent, child string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, c := s.disks[parent], s.disks[child]
	if p == nil {
		return unknown(parent)
	}
	if c == nil {
		return unknown(child)
	}
	if c.parent != p || p.children != 1 {
		return fmt.Errorf("disk %s is not the only delta of %s", child, parent)
	}
	delete(s.disks, child)
	if _, err := os.Lstat(c.path); errors.Is(err, fs.ErrNotExist) && c.children == 0 {
		c.known = false
		return s.release(c)
	}
	p.known = false
	c.spec.File = parent
	s.disks[parent] = c
	return nil
}

// Space implements hook.Disks.
func (s *Store) Space(datastore string) (capacityBytes, freeBytes int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.stores[datastore]
	if sp == nil {
		return 0, 0, false
	}
	return sp.capacityBytes, max(0, s.free(datastore)), true
}

// free counts disks as they are provisioned and deltas as they are.
func (s *Store) free(datastore string) int64 {
	sp := s.stores[datastore]
	free := sp.capacityBytes - sp.usedBytes - sp.offBytes
	for e := range s.deltas {
		if e.ds == datastore {
			free -= allocated(e.path)
		}
	}
	return free
}

func allocated(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// SetFree implements hook.Disks.
func (s *Store) SetFree(datastore string, freeBytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.stores[datastore]
	if sp == nil {
		return fmt.Errorf("there is no datastore %q", datastore)
	}
	sp.offBytes = 0
	if freeBytes >= 0 {
		sp.offBytes = s.free(datastore) - freeBytes
	}
	return nil
}

// Spec returns what a disk was defined as; false if it is not known.
func (s *Store) Spec(file string) (hook.DiskSpec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.disks[file]; e != nil {
		return e.spec, true
	}
	return hook.DiskSpec{}, false
}

func (s *Store) entry(file string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.disks[file]; e != nil {
		return e, nil
	}
	return nil, unknown(file)
}

func unknown(file string) error { return fmt.Errorf("there is no disk %s", file) }

// bytesDir is a folder within each VM's: vcsim lists that and breaks when a file
// goes while it does, as files of disks do.
const bytesDir = "bytes"

// place tells where the file of a disk is. It refuses paths that leave the
// datastore, because names come from clients.
func (s *Store) place(file, suffix string) (datastore, path string, err error) {
	var p object.DatastorePath
	if !p.FromString(file) || p.Path == "" || !strings.HasSuffix(p.Path, ".vmdk") {
		return "", "", fmt.Errorf("%q is not the datastore path of a disk", file)
	}
	if s.stores[p.Datastore] == nil {
		return "", "", fmt.Errorf("disk %s: there is no datastore %q", file, p.Datastore)
	}
	local := filepath.Join(filepath.Dir(p.Path), bytesDir, strings.TrimSuffix(filepath.Base(p.Path), ".vmdk")+suffix)
	if !filepath.IsLocal(local) {
		return "", "", fmt.Errorf("disk %s is outside of its datastore", file)
	}
	return p.Datastore, filepath.Join(s.dir, p.Datastore, local), nil
}

var _ hook.Disks = (*Store)(nil)
