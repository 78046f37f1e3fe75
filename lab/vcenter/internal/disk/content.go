package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	blockBytes = 64 << 10
	// sparseEvery is how many blocks of a sparse disk one written block stands for.
	sparseEvery = 16
	// quarterEvery is the same of a disk that is a quarter full.
	quarterEvery = 4
)

// ensure makes the file of a disk that has no parent, if it is not there.
func (e *entry) ensure() error {
	e.make.Lock()
	defer e.make.Unlock()
	_, err := os.Lstat(e.path)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return err
	}
	// A half-written file never has the final name.
	part := e.path + ".part"
	err = writeFile(part, func(f *os.File) error {
		if err := f.Truncate(e.spec.CapacityBytes); err != nil {
			return err
		}
		return fill(f, e.spec.Content, e.spec.CapacityBytes)
	})
	if err != nil {
		_ = os.Remove(part)
		return fmt.Errorf("making disk %s: %w", e.spec.File, err)
	}
	return os.Rename(part, e.path)
}

func writeFile(path string, write func(*os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// fill writes the bytes of a recipe into an empty file of the disk's size.
func fill(f *os.File, recipe string, size int64) error {
	kind, arg, _ := strings.Cut(recipe, ":")
	switch kind {
	case "", "zero":
		return nil
	case "file":
		return fillFrom(f, arg, size)
	case "random", "sparse", "quarter":
		seed, err := strconv.ParseUint(arg, 10, 64)
		if err != nil {
			return fmt.Errorf("seed of content %q: %w", recipe, err)
		}
		every := int64(1)
		switch kind {
		case "sparse":
			every = sparseEvery
		case "quarter":
			every = quarterEvery
		}
		return fillRandom(f, seed, size, every)
	}
	return fmt.Errorf("content %q is not known", recipe)
}

func fillRandom(f *os.File, seed uint64, size, every int64) error {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	source := rand.NewChaCha8(key)
	block := make([]byte, blockBytes)
	for at := int64(0); at < size; at += blockBytes * every {
		part := block[:min(blockBytes, size-at)]
		_, _ = source.Read(part) // never fails
		if _, err := f.WriteAt(part, at); err != nil {
			return err
		}
	}
	return nil
}

// fillFrom copies a file and leaves holes where it is zero.
func fillFrom(f *os.File, from string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil {
		return err
	} else if info.Size() > size {
		return fmt.Errorf("%s has %d bytes, more than the disk's %d", from, info.Size(), size)
	}
	return copySparse(f, in)
}

func copySparse(to io.WriterAt, from io.Reader) error {
	block := make([]byte, blockBytes)
	for at := int64(0); ; {
		n, err := io.ReadFull(from, block)
		if n > 0 && !allZero(block[:n]) {
			if _, err := to.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
