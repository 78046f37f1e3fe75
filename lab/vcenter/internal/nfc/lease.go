package nfc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// Kinds of lease.
const (
	Export = "export"
	Import = "import"
)

// Lease is a managed object in vcsim's registry. Its mo fields are guarded by
// the registry's lock of the object, the rest by mu.
type Lease struct {
	mo.HttpNfcLease

	m    *Manager
	id   string
	kind string
	user string
	// alive ends when the lease does, and with it all transfers.
	alive context.Context
	kill  context.CancelFunc
	// onEnd is told the outcome: nil for done.
	onEnd func(fault types.BaseMethodFault, message string)

	mu      sync.Mutex
	state   types.HttpNfcLeaseState
	vm      types.ManagedObjectReference
	host    types.ManagedObjectReference
	devices []*Device
	timer   *time.Timer
}

// Device is one file that a lease transfers.
type Device struct {
	// Key and ImportKey are those of HttpNfcLeaseDeviceUrl.
	Key, ImportKey string
	// Disk is the datastore path of a virtual disk; empty for another file.
	Disk string
	// File is the path of another file in the local file system.
	File string
	// Name is the last part of the URL.
	Name          string
	CapacityBytes int64
	// Index counts the disks; -1 for other files.
	Index int

	// Guarded by the lease's mu.
	sha256   bool
	busy     bool
	posted   bool
	manifest *types.HttpNfcLeaseManifestEntry
}

// New makes a lease that is initializing and holds the VM, which may be empty
// as long as there is none. onEnd, if not nil, is called once at its end.
func (m *Manager) New(ctx *simulator.Context, kind string, vm types.ManagedObjectReference,
	onEnd func(types.BaseMethodFault, string)) *Lease {
	l := &Lease{m: m, id: uuid.NewString(), kind: kind, vm: vm, onEnd: onEnd,
		state: types.HttpNfcLeaseStateInitializing}
	if ctx.Session != nil {
		l.user = ctx.Session.UserName
	}
	l.alive, l.kill = context.WithCancel(context.Background())
	l.Self = types.ManagedObjectReference{Type: "HttpNfcLease", Value: "lease-" + l.id}
	l.State = l.state
	l.Mode = string(types.HttpNfcLeaseModePushOrGet)
	m.mu.Lock()
	m.leases[l.id] = l
	m.mu.Unlock()
	ctx.Map.Put(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(m.opts.Timeout, l.expire)
	return l
}

// SetVM names the VM of an import lease as soon as it exists.
func (l *Lease) SetVM(vm types.ManagedObjectReference) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.vm = vm
}

// Holds is the VM of the lease; empty as long as there is none.
func (l *Lease) Holds() types.ManagedObjectReference {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vm
}

// User is who asked for the lease.
func (l *Lease) User() string { return l.user }

// Ready publishes the devices. It is without effect on a lease that has ended.
func (l *Lease) Ready(ctx *simulator.Context, host types.ManagedObjectReference, devices []*Device) {
	address, thumbprint := l.m.opts.HostAddress(host)
	if l.m.opts.ThumbprintStar {
		address = "*" + address[len(hostOf(address)):]
	}
	info := &types.HttpNfcLeaseInfo{Lease: l.Self, LeaseTimeout: int32(l.m.opts.Timeout / time.Second)}
	for _, d := range devices {
		isDisk := d.Disk != ""
		info.DeviceUrl = append(info.DeviceUrl, types.HttpNfcLeaseDeviceUrl{
			Key: d.Key, ImportKey: d.ImportKey, SslThumbprint: thumbprint, Disk: &isDisk, TargetId: d.Name,
			Url: fmt.Sprintf("https://%s%s%s/%s", address, prefix, l.id, d.Name),
		})
		info.TotalDiskCapacityInKB += d.CapacityBytes / 1024
	}
	l.mu.Lock()
	if l.state != types.HttpNfcLeaseStateInitializing {
		l.mu.Unlock()
		return
	}
	l.state = types.HttpNfcLeaseStateReady
	l.host, l.devices = host, devices
	info.Entity = l.vm
	l.timer.Reset(l.m.opts.Timeout)
	l.mu.Unlock()
	ctx.WithLock(l, func() {
		if l.State != types.HttpNfcLeaseStateInitializing {
			return
		}
		ctx.Update(l, []types.PropertyChange{
			{Name: "initializeProgress", Val: int32(100)},
			{Name: "info", Val: info},
			{Name: "state", Val: types.HttpNfcLeaseStateReady},
		})
	})
}

// Fail ends the lease with an error.
func (l *Lease) Fail(ctx *simulator.Context, fault types.BaseMethodFault, message string) {
	l.end(ctx, end{state: types.HttpNfcLeaseStateError, fault: fault, message: message})
}

func (l *Lease) expire() {
	l.Fail(l.m.opts.Context(), new(types.Timedout), "The lease has timed out.")
}

// end says how a lease ends.
type end struct {
	state   types.HttpNfcLeaseState
	fault   types.BaseMethodFault
	message string
	keepVM  bool
}

// end is without effect on a lease that has ended; the first reason stands. It
// returns once the half-made VM of a failed import is gone.
func (l *Lease) end(ctx *simulator.Context, e end) bool {
	l.mu.Lock()
	if l.ended() {
		l.mu.Unlock()
		return false
	}
	l.state = e.state
	l.timer.Stop()
	vm := l.vm
	l.mu.Unlock()
	l.kill()

	if l.kind == Import && e.state == types.HttpNfcLeaseStateError && !e.keepVM && vm.Value != "" {
		l.m.opts.RemoveVM(ctx, vm)
	}
	changes := []types.PropertyChange{{Name: "state", Val: e.state}}
	if e.fault != nil {
		changes = append(changes, types.PropertyChange{Name: "error",
			Val: types.LocalizedMethodFault{Fault: e.fault, LocalizedMessage: e.message}})
	}
	ctx.WithLock(l, func() { ctx.Update(l, changes) })
	if l.onEnd != nil {
		l.onEnd(e.fault, e.message)
	}
	time.AfterFunc(keepEnded, func() { l.m.drop(l.m.opts.Context(), l) })
	return true
}

// ended is called with mu held.
func (l *Lease) ended() bool {
	return l.state == types.HttpNfcLeaseStateDone || l.state == types.HttpNfcLeaseStateError
}

// Ended tells whether the lease has ended.
func (l *Lease) Ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended()
}

func (l *Lease) holds(vm types.ManagedObjectReference) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vm == vm && !l.ended()
}

func (l *Lease) describe() (hook.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return hook.Lease{Ref: l.Self.Value, Kind: l.kind, State: string(l.state), VM: l.vm.Value}, !l.ended()
}
