package nfc

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"hdm.dev/lab/vcenter/internal/disk"
	"hdm.dev/lab/vcenter/internal/vmdk"
)

// maxPrepared bounds the streams that are kept.
const maxPrepared = 64

// preparedKey is the content of a disk's file, as far as the file system tells.
type preparedKey struct {
	path  string
	bytes int64
	at    time.Time
}

// prepared is the stream of a disk, made before somebody measures how fast it is
// sent: deflating it takes longer than sending it.
type prepared struct {
	path               string
	bytes, populated   int64
	sumSHA1, sumSHA256 string
}

// prepare returns the stream of a disk, which it makes the first time; nil if
// streams are not prepared, or not of a disk like this.
func (m *Manager) prepare(source *disk.Reader, name string) (*prepared, error) {
	if m.opts.PrepareIn == "" || source.Temporary() {
		return nil, nil
	}
	info, err := source.Stat()
	if err != nil {
		return nil, err
	}
	key := preparedKey{source.Name(), info.Size(), info.ModTime()}
	m.preparing.Lock()
	defer m.preparing.Unlock()
	if known := m.prepared[key]; known != nil {
		return known, nil
	}
	if len(m.prepared) >= maxPrepared {
		return nil, nil
	}
	p := &prepared{path: filepath.Join(m.opts.PrepareIn, fmt.Sprintf("%d.vmdk", len(m.prepared)))}
	if err := p.make(source, name); err != nil {
		return nil, fmt.Errorf("preparing the export of %s: %w", source.Name(), err)
	}
	m.prepared[key] = p
	return p, nil
}

func (p *prepared) make(source *disk.Reader, name string) error {
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return err
	}
	f, err := os.Create(p.path)
	if err != nil {
		return err
	}
	one, two := sha1.New(), sha256.New()
	p.populated, err = vmdk.Encode(io.MultiWriter(f, one, two), source, source.SizeBytes, name)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	p.sumSHA1, p.sumSHA256 = hex.EncodeToString(one.Sum(nil)), hex.EncodeToString(two.Sum(nil))
	info, err := os.Stat(p.path)
	if err == nil {
		p.bytes = info.Size()
	}
	return err
}

// exportPrepared sends what was prepared, checksum included.
func (t *transfer) exportPrepared(p *prepared) {
	f, err := os.Open(p.path)
	if err != nil {
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	// Without a Content-Length: a host does not know how long the stream will be.
	t.w.Header().Set("Content-Type", streamType)
	if _, err := io.CopyBuffer(&outgoing{t: t}, struct{ io.Reader }{f}, make([]byte, 4*pieceBytes)); err != nil {
		if errors.Is(err, errTruncated) {
			return
		}
		if !errors.Is(err, errCut) {
			log.Printf("export of %s: %v", t.d.Disk, err)
		}
		panic(http.ErrAbortHandler)
	}
	sum := p.sumSHA1
	if t.sha256 {
		sum = p.sumSHA256
	}
	t.enter(p.bytes, p.populated, sum)
}
