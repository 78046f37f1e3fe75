package nfc

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/vmdk"
)

const (
	prefix       = "/nfc/"
	streamType   = "application/x-vnd.vmware-streamVmdk"
	maxFileBytes = 16 << 20
)

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// Handler serves the transfers of the VMs on one host, and of no other.
func (m *Manager) Handler(host types.ManagedObjectReference) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, prefix), "/")
		l := m.find(id)
		if !ok || !strings.HasPrefix(r.URL.Path, prefix) || l == nil {
			http.Error(w, "There is no such lease.", http.StatusNotFound)
			return
		}
		t, status := l.begin(host, name, r)
		if t == nil {
			http.Error(w, http.StatusText(status), status)
			return
		}
		defer t.finish()
		t.w = w
		switch {
		case t.fault != nil && t.fault.AfterBytes <= 0 && t.fault.HTTPStatus != 0:
			t.act()
			http.Error(w, http.StatusText(t.fault.HTTPStatus), t.fault.HTTPStatus)
		case r.Method == http.MethodGet && t.d.Disk != "":
			t.exportDisk()
		case r.Method == http.MethodGet:
			t.exportFile()
		case t.d.Disk != "":
			t.importDisk()
		default:
			t.importFile()
		}
	})
}

// transfer is one request for one device.
type transfer struct {
	l      *Lease
	d      *Device
	r      *http.Request
	w      http.ResponseWriter
	fault  *hook.NFCFault
	sum    hash.Hash
	sha256 bool
}

// begin takes the device, or tells why not.
func (l *Lease) begin(host types.ManagedObjectReference, name string, r *http.Request) (*transfer, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var d *Device
	for _, candidate := range l.devices {
		if candidate.Name == name {
			d = candidate
		}
	}
	if d == nil || l.host != host || l.state != types.HttpNfcLeaseStateReady {
		return nil, http.StatusNotFound
	}
	// Disks are sent by POST, other files by PUT; a lease has one direction.
	wanted := http.MethodGet
	if l.kind == Import && d.Disk != "" {
		wanted = http.MethodPost
	} else if l.kind == Import {
		wanted = http.MethodPut
	}
	switch {
	case r.Method != wanted:
		return nil, http.StatusMethodNotAllowed
	case l.kind == Import && r.ContentLength < 0 && l.m.opts.RefuseChunked:
		return nil, http.StatusLengthRequired
	case d.busy, l.m.opts.RefuseSecondPost && d.posted:
		return nil, http.StatusConflict
	}
	d.busy = true
	d.posted = true
	d.manifest = nil
	l.m.count(l.kind, l.vm.Value, d.Name)
	t := &transfer{l: l, d: d, r: r, sha256: d.sha256, sum: sha1.New()}
	if d.sha256 {
		t.sum = sha256.New()
	}
	if l.m.opts.NFC != nil {
		t.fault = l.m.opts.NFC.Stream(hook.NFCStream{Kind: l.kind, Disk: d.Index, Lease: l.Self.Value, VM: l.vm.Value})
	}
	return t, 0
}

func (t *transfer) finish() {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	t.d.busy = false
}

// act runs the fault's own action.
func (t *transfer) act() {
	if t.fault != nil && t.fault.Act != nil {
		t.fault.Act()
	}
}

// created answers an upload that is whole, unless the answer is to be lost.
func (t *transfer) created() {
	if t.fault != nil && t.fault.LoseAnswer {
		t.fault.Lost()
		panic(http.ErrAbortHandler)
	}
	t.w.WriteHeader(http.StatusCreated)
}

// record enters a finished transfer into the manifest.
func (t *transfer) record(size, populated int64) {
	t.enter(size, populated, hex.EncodeToString(t.sum.Sum(nil)))
}

func (t *transfer) enter(size, populated int64, sum string) {
	entry := &types.HttpNfcLeaseManifestEntry{
		Key: t.d.Key, Size: size, Disk: t.d.Disk != "",
		Capacity: t.d.CapacityBytes, PopulatedSize: populated,
		Checksum: sum, ChecksumType: string(types.HttpNfcLeaseManifestEntryChecksumTypeSha256),
	}
	if !t.sha256 {
		entry.Sha1 = sum
		entry.ChecksumType = string(types.HttpNfcLeaseManifestEntryChecksumTypeSha1)
	}
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	t.d.manifest = entry
}

func (t *transfer) exportDisk() {
	source, err := t.l.m.opts.Disks.Open(t.d.Disk)
	if err != nil {
		log.Printf("export: %v", err)
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer source.Close()
	if p, err := t.l.m.prepare(source, t.d.Name); err != nil {
		log.Printf("export: %v", err)
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	} else if p != nil {
		t.exportPrepared(p)
		return
	}
	// Without a Content-Length: a host does not know how long the stream will be.
	t.w.Header().Set("Content-Type", streamType)
	wire := &outgoing{t: t}
	populated, err := vmdk.Encode(io.MultiWriter(t.sum, wire), source, source.SizeBytes, t.d.Name)
	if err == nil {
		t.record(wire.sent, populated)
		return
	}
	if errors.Is(err, errTruncated) {
		return
	}
	if !errors.Is(err, errCut) {
		log.Printf("export of %s: %v", t.d.Disk, err)
	}
	// The client must not take what it got for a whole stream.
	panic(http.ErrAbortHandler)
}

func (t *transfer) exportFile() {
	f, err := os.Open(t.d.File)
	if err != nil {
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	t.w.Header().Set("Content-Type", "application/octet-stream")
	wire := &outgoing{t: t}
	if _, err = io.Copy(io.MultiWriter(t.sum, wire), f); err != nil {
		if !errors.Is(err, errTruncated) {
			panic(http.ErrAbortHandler)
		}
		return
	}
	t.record(wire.sent, 0)
}

func (t *transfer) importDisk() {
	f, err := t.l.m.opts.Disks.Overwrite(t.d.Disk)
	if err != nil {
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer f.Close()
	body := &incoming{t: t}
	flipped := t.fault != nil && t.fault.FlipLBA
	result, err := vmdk.Decode(f, body, vmdk.Options{
		SizeBytes: t.d.CapacityBytes,
		Lenient:   !t.l.m.opts.CheckImports || flipped,
	})
	if err == nil {
		err = body.drain()
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.refuse(body, err)
		return
	}
	t.record(body.received, result.PopulatedBytes)
	t.created()
}

// refuse answers an upload that did not work. A connection that broke leaves
// the lease as it is, so that the disk can be sent again; a stream that came to
// its end and is not what it should be fails the lease.
func (t *transfer) refuse(body *incoming, err error) {
	status := http.StatusInternalServerError
	if body.status != 0 {
		status = body.status
	}
	if body.broken != nil && !t.l.m.opts.RefuseSecondPost {
		if errors.Is(body.broken, errCut) {
			panic(http.ErrAbortHandler)
		}
		http.Error(t.w, body.broken.Error(), status)
		return
	}
	log.Printf("import of %s: %v", t.d.Disk, err)
	var fault types.BaseMethodFault = new(types.InvalidDiskFormat)
	message := fmt.Sprintf("The upload of %s failed: %v", t.d.Name, err)
	if full := new(hook.NoSpace); errors.As(err, &full) {
		fault, message = full.Fault()
	}
	t.l.Fail(t.l.m.opts.Context(), fault, message)
	http.Error(t.w, message, status)
}

func (t *transfer) importFile() {
	body := &incoming{t: t}
	data, err := io.ReadAll(io.LimitReader(body, maxFileBytes+1))
	switch {
	case err != nil:
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	case len(data) > maxFileBytes:
		http.Error(t.w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	if err := os.WriteFile(t.d.File, data, 0o600); err != nil {
		http.Error(t.w, err.Error(), http.StatusInternalServerError)
		return
	}
	t.record(body.received, 0)
	t.created()
}
