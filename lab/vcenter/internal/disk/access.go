package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"hdm.dev/lab/vcenter/internal/hook"
)

// Reader reads the content of a disk at one point in time.
type Reader struct {
	*os.File
	// SizeBytes is the disk's capacity.
	SizeBytes int64
	temporary bool
}

// Temporary tells whether the file is of this reader only, as that of a disk with
// deltas is.
func (r *Reader) Temporary() bool { return r.temporary }

// Close gives temporary files back.
func (r *Reader) Close() error {
	err := r.File.Close()
	if r.temporary {
		if gone := os.Remove(r.Name()); err == nil {
			err = gone
		}
	}
	return err
}

// Open reads a disk through all its parents.
func (s *Store) Open(file string) (*Reader, error) {
	e, err := s.entry(file)
	if err != nil {
		return nil, err
	}
	top, err := e.written()
	if err != nil {
		return nil, err
	}
	if top.parent == nil {
		f, err := os.Open(top.path)
		if err != nil {
			return nil, fmt.Errorf("reading disk %s: %w", file, err)
		}
		return &Reader{File: f, SizeBytes: e.spec.CapacityBytes}, nil
	}
	temp, err := os.CreateTemp(s.dir, ".read-*.raw")
	if err != nil {
		return nil, fmt.Errorf("reading disk %s: %w", file, err)
	}
	r := &Reader{File: temp, SizeBytes: e.spec.CapacityBytes, temporary: true}
	// -U reads beside a guest that has the file open for writing.
	if err := qemuImg("convert", "-U", "-f", "qcow2", "-O", "raw", top.path, temp.Name()); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("reading disk %s: %w", file, err)
	}
	return r, nil
}

// written is the topmost of the entry and its parents that has a file, which
// for the lowest is made now.
func (e *entry) written() (*entry, error) {
	for ; e.parent != nil; e = e.parent {
		_, err := os.Lstat(e.path)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return e, e.ensure()
}

// Overwrite opens the file of a disk without parent or delta for an import, as
// an empty file of the disk's size.
func (s *Store) Overwrite(file string) (*Writer, error) {
	e, err := s.entry(file)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	forked := e.parent != nil || e.children > 0
	s.mu.Unlock()
	if forked {
		return nil, fmt.Errorf("disk %s has snapshots and cannot be overwritten", file)
	}
	e.make.Lock()
	defer e.make.Unlock()
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(e.path)
	if err != nil {
		return nil, fmt.Errorf("writing disk %s: %w", file, err)
	}
	if err := f.Truncate(e.spec.CapacityBytes); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("writing disk %s: %w", file, err)
	}
	return &Writer{File: f, store: s, entry: e}, nil
}

// Writer writes the content of a disk.
type Writer struct {
	*os.File
	store *Store
	entry *entry
}

// WriteAt fails with *hook.NoSpace if the disk is thin, which takes its space as
// it is written, and its datastore has none at all.
func (w *Writer) WriteAt(b []byte, at int64) (int, error) {
	if w.entry.spec.Thin {
		if _, free, ok := w.store.Space(w.entry.ds); ok && free == 0 {
			return 0, &hook.NoSpace{Datastore: w.entry.ds, NeededBytes: int64(len(b))}
		}
	}
	return w.File.WriteAt(b, at)
}

// Attach implements hook.Disks.
func (s *Store) Attach(file string) (path, format string, err error) {
	e, err := s.entry(file)
	if err != nil {
		return "", "", err
	}
	s.mu.Lock()
	frozen := e.children > 0
	s.mu.Unlock()
	if frozen {
		return "", "", fmt.Errorf("disk %s is below a snapshot and cannot be written", file)
	}
	if e.parent == nil {
		return e.path, "raw", e.ensure()
	}
	base, err := e.parent.written()
	if err != nil {
		return "", "", err
	}
	e.make.Lock()
	defer e.make.Unlock()
	if _, err := os.Lstat(e.path); err == nil {
		return e.path, "qcow2", nil
	}
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return "", "", err
	}
	format = "raw"
	if base.parent != nil {
		format = "qcow2"
	}
	if err := qemuImg("create", "-q", "-f", "qcow2", "-b", base.path, "-F", format, e.path); err != nil {
		return "", "", fmt.Errorf("making the delta of disk %s: %w", file, err)
	}
	return e.path, "qcow2", nil
}

// SHA256 implements hook.Disks.
func (s *Store) SHA256(file string) (string, error) {
	r, err := s.Open(file)
	if err != nil {
		return "", err
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r.File); err != nil {
		return "", fmt.Errorf("hashing disk %s: %w", file, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func qemuImg(args ...string) error {
	program, err := exec.LookPath("qemu-img")
	if err != nil {
		return fmt.Errorf("disks with snapshots need qemu-img (Debian package qemu-utils): %w", err)
	}
	var complaint bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("qemu-img %s: %w: %s", args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return nil
}
