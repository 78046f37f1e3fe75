// Package nfc is the lab's HttpNfcLease and the hosts' side of it: the transfer
// of disks in and out of VMs.
//
//	             ┌──────────── time-out, abort, damaged upload ──► error
//	initializing ┴─► ready ── HttpNfcLeaseComplete ──► done
//
// While a lease is initializing or ready it holds its VM. The end of an import
// lease in any other state than done removes the VM it was to fill. vcsim's own
// leases are closed to extension, live in their session and keep no bytes.
package nfc

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/disk"
	"hdm.dev/lab/vcenter/internal/hook"
)

// keepEnded is how long the object of an ended lease can still be read.
const keepEnded = time.Minute

// Disks is what leases need of the disk store.
type Disks interface {
	Open(file string) (*disk.Reader, error)
	Overwrite(file string) (*disk.Writer, error)
}

// Options configure a Manager. All but the switches must be set; NFC may be nil.
type Options struct {
	// Context returns a context that shares no locks.
	Context func() *simulator.Context
	Disks   Disks
	// NFC is where faults come from.
	NFC hook.NFC
	// Timeout ends a lease that hears no progress.
	Timeout time.Duration
	// HostAddress returns the address and the SHA-1 thumbprint of a host.
	HostAddress func(host types.ManagedObjectReference) (address, thumbprint string)
	// RemoveVM removes a half-made VM. It returns once the VM is gone.
	RemoveVM func(ctx *simulator.Context, vm types.ManagedObjectReference)
	// PrepareIn is a directory for prepared streams of exports; empty if each is
	// made while it is sent.
	PrepareIn string
	// ThumbprintStar, RefuseChunked and RefuseSecondPost are switches of the
	// configuration; CheckImports makes decoders strict.
	ThumbprintStar, RefuseChunked, RefuseSecondPost, CheckImports bool
}

// Manager knows all leases.
type Manager struct {
	opts Options

	mu        sync.Mutex
	leases    map[string]*Lease
	transfers map[transferKey]int

	// preparing is held while a stream is made.
	preparing sync.Mutex
	prepared  map[preparedKey]*prepared
}

// maxCounted bounds the counts of transfers; further devices are not counted.
const maxCounted = 10_000

type transferKey struct{ kind, vm, file string }

// count remembers that a transfer of a device began.
func (m *Manager) count(kind, vm, file string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := transferKey{kind, vm, file}
	if _, known := m.transfers[key]; known || len(m.transfers) < maxCounted {
		m.transfers[key]++
	}
}

// Transfers implements hook.Leases.
func (m *Manager) Transfers() []hook.Transfer {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]hook.Transfer, 0, len(m.transfers))
	for key, count := range m.transfers {
		out = append(out, hook.Transfer{Kind: key.kind, VM: key.vm, File: key.file, Count: count})
	}
	slices.SortFunc(out, func(a, b hook.Transfer) int {
		return strings.Compare(a.Kind+a.VM+a.File, b.Kind+b.VM+b.File)
	})
	return out
}

// NewManager returns a manager without leases.
func NewManager(opts Options) *Manager {
	return &Manager{opts: opts, leases: make(map[string]*Lease), transfers: make(map[transferKey]int),
		prepared: make(map[preparedKey]*prepared)}
}

func (m *Manager) find(id string) *Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leases[id]
}

// live lists the leases that hold their VM.
func (m *Manager) live() []*Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*Lease, 0, len(m.leases))
	for _, l := range m.leases {
		out = append(out, l)
	}
	return out
}

// Holding returns the lease that holds a VM, or nil.
func (m *Manager) Holding(vm types.ManagedObjectReference) *Lease {
	for _, l := range m.live() {
		if l.holds(vm) {
			return l
		}
	}
	return nil
}

// Live implements hook.Leases.
func (m *Manager) Live() []hook.Lease {
	var out []hook.Lease
	for _, l := range m.live() {
		if entry, ok := l.describe(); ok {
			out = append(out, entry)
		}
	}
	return out
}

// Forget drops every lease, as a restart of vCenter does. The VMs of import
// leases stay if leaveHalfMade is set.
func (m *Manager) Forget(leaveHalfMade bool) {
	ctx := m.opts.Context()
	for _, l := range m.live() {
		l.end(ctx, end{state: types.HttpNfcLeaseStateError, keepVM: leaveHalfMade,
			fault: new(types.RuntimeFault), message: "vCenter has stopped"})
		m.drop(ctx, l)
	}
}

// drop removes the lease's object.
func (m *Manager) drop(ctx *simulator.Context, l *Lease) {
	m.mu.Lock()
	delete(m.leases, l.id)
	m.mu.Unlock()
	ctx.Map.Remove(ctx, l.Reference())
}
