// Package hook holds the interfaces between the packages of the lab. It depends
// on none of them, so that each can be written and tested alone.
//
//	             ┌ faults (HTTP) ┐   ┌ dispatch ─ vim, faults (tasks), guest ┐
//	client ─TLS─►│ Middleware    ├──►│ Around(method, Wrap)                  ├─► vcsim
//	             └───────────────┘   └───────────────────────────────────────┘
//	client ─TLS─► nfc (one listener per host) ── NFC hook ── Disks ── files
package hook

import (
	"net/http"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Middleware stands before the SOAP endpoint and sees raw requests.
type Middleware func(next http.Handler) http.Handler

// Call is one decoded vSphere API call: this is the object it is made on, req a
// pointer to the request, such as *types.PowerOnVM_Task. The object's lock is
// held unless the method is Unlocked; ctx.Session is the caller's.
type Call func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault

// Wrap puts something around a Call. It may answer without calling next.
type Wrap func(next Call) Call

// Dispatcher lets packages change methods of the API.
type Dispatcher interface {
	// Around wraps the method of that WSDL name ("PowerOnVM_Task") on objects
	// of that type ("VirtualMachine", or "" for all types). What is registered
	// first is the outermost. Stock vcsim is the innermost. Only calls of
	// logged-in sessions pass here. To be called before the site serves.
	Around(kind, method string, wrap Wrap)
	// CloneSession answers SessionManager's method of that name, the only one
	// here that a caller without a session may call.
	CloneSession(call Call)
	// Unlocked lets a method that has a wrap run without its object's lock.
	Unlocked(kind, method string)
	// Call is a method with everything that is around it, for what calls it on
	// behalf of another. The caller holds the object's lock.
	Call(kind, method string) Call
	// Guard has every call judged before anything else, in the order of
	// registration; calls without a session, too.
	Guard(guard Guard)
}

// Guard refuses a call with a fault and its message, or lets it pass with nil.
type Guard func(ctx *simulator.Context, method *simulator.Method) (message string, fault types.BaseMethodFault)

// Access tells what a session may see of the inventory.
type Access interface {
	// All tells whether the session sees everything, as most do.
	All(ctx *simulator.Context) bool
	// Visible tells whether the session sees that an object is there.
	Visible(ctx *simulator.Context, ref types.ManagedObjectReference) bool
	// Cut leaves out of what was read for a session what it may not read. The
	// values must be copies of their own.
	Cut(ctx *simulator.Context, objects []types.ObjectContent) []types.ObjectContent
}

// TaskKind is what becomes of a task.
type TaskKind int

// The kinds of outcome of a task.
const (
	// TaskFails ends the task with an error and without an effect.
	TaskFails TaskKind = iota + 1
	// TaskHangs has no effect and runs until it is cancelled.
	TaskHangs
	// TaskEndsLate has its effect at once and ends after the delay.
	TaskEndsLate
	// TaskAsks has its VM ask a question, and its effect once that is answered.
	TaskAsks
)

// TaskOutcome replaces the ordinary outcome of a *_Task method.
type TaskOutcome struct {
	Kind TaskKind
	// Fault and Message are the error of TaskFails; Message is the question of
	// TaskAsks.
	Fault   types.BaseMethodFault
	Message string
	// Delay is how late TaskEndsLate is.
	Delay time.Duration
}

// Tasks is asked for the outcome of every call of a *_Task method. nil leaves
// the task alone.
type Tasks interface {
	Outcome(ctx *simulator.Context, method string, this types.ManagedObjectReference, req types.AnyType) *TaskOutcome
}

// NFCStream names one transfer of one disk, seen from a host.
type NFCStream struct {
	// Kind is "export" or "import".
	Kind string
	// Disk counts the disks of the lease from 0; other files are -1.
	Disk int
	// Lease and VM are managed object ids.
	Lease, VM string
}

// TaskMethods are the methods whose tasks can be given another outcome.
var TaskMethods = []string{
	"ConsolidateVMDisks_Task", "CreateSnapshot_Task", "Destroy_Task", "PowerOffVM_Task", "PowerOnVM_Task", "ReconfigVM_Task",
	"RelocateVM_Task", "RemoveAllSnapshots_Task", "RemoveSnapshot_Task", "ResetVM_Task",
}

// NFCFault is what goes wrong with one transfer, once AfterBytes of its body
// have passed. Everything that is set happens, in the order of the fields.
type NFCFault struct {
	AfterBytes int64
	// Act is called when the byte is reached, before the rest. It may block.
	Act func()
	// HTTPStatus answers with this status; a started export is cut instead.
	HTTPStatus int
	// FlipLBA changes the address of the next grain: of an export after the
	// host has hashed it, of an import before, with the host's checks off.
	FlipLBA bool
	// FlipBit is the bit of the address, 0 to 63.
	FlipBit int
	// Stall passes nothing for this long, or until Resume is closed.
	Stall  time.Duration
	Resume <-chan struct{}
	// Truncate ends the stream as if it were whole.
	Truncate bool
	// Cut breaks the connection.
	Cut bool
	// LoseAnswer takes the whole upload, calls Lost, and breaks the connection
	// instead of answering.
	LoseAnswer bool
	Lost       func()
}

// NFC is asked at the start of every transfer. nil leaves it alone.
type NFC interface {
	Stream(NFCStream) *NFCFault
}

// DiskSpec is what is known of a disk before it has bytes.
type DiskSpec struct {
	// File is the datastore path of the descriptor: "[ds0] web-01/web-01.vmdk".
	File string
	// CapacityBytes is a multiple of 512.
	CapacityBytes int64
	// Content is the recipe, see config.ValidContent; "" is "zero".
	Content string
	Thin    bool
}

// Disks keeps the bytes of every virtual disk, by datastore path. A disk above
// a snapshot is a delta: it has a parent and holds only what was written since.
type Disks interface {
	// Define makes a disk known and takes its space; its file is made from the
	// recipe on first use. *NoSpace if the datastore is too full.
	Define(spec DiskSpec) error
	// Remove forgets a disk, deletes its file and gives its space back. A disk
	// that is not known is no error.
	Remove(file string) error
	// Fork defines a delta child above the disk parent, which must not be
	// written from then on.
	Fork(parent, child string) error
	// Attach makes the disk's file for a writer such as QEMU and returns the
	// file and its format, "raw" or "qcow2". For a delta it makes an overlay.
	Attach(file string) (path, format string, err error)
	// SHA256 hashes the current content, through all parents, as lower-case hex.
	SHA256(file string) (string, error)
	// Space returns capacity and free space of a datastore; false if unknown.
	Space(datastore string) (capacityBytes, freeBytes int64, ok bool)
	// Dir is where the files of a datastore are.
	Dir(datastore string) string
	// SetFree overrides the free space of a datastore; -1 is back to real.
	SetFree(datastore string, freeBytes int64) error
}

// GuestVM is what is needed to run a VM.
type GuestVM struct {
	Ref         types.ManagedObjectReference
	Name        string
	UUID        string
	MemoryMiB   int64
	CPUs        int32
	ExtraConfig map[string]string
	Disks       []GuestDisk
}

// GuestDisk is a file to attach, in the order of the VM's disks.
type GuestDisk struct {
	Path, Format, Controller string
}

// GuestInfo is what VMware Tools tell of a guest.
type GuestInfo struct {
	ToolsRunning  bool
	HostName, IP  string
	GuestFullName string
}

// Guests runs bootable VMs. Start and Stop are called with the VM's lock held
// and must not call back into GuestHost before they return.
type Guests interface {
	// Start boots the VM and returns once it runs, not once it is up.
	Start(vm GuestVM) error
	// Stop ends the VM hard and returns once nothing writes to its disks. A VM
	// that does not run is no error.
	Stop(ref types.ManagedObjectReference) error
	// Shutdown asks the guest to shut down and returns at once; GuestHost
	// hears when it is off. It fails if nothing in the guest listens.
	Shutdown(ref types.ManagedObjectReference) error
	// Exec runs a shell command in the guest.
	Exec(ref types.ManagedObjectReference, command string, timeout time.Duration) (code int, stdout string, err error)
	// Close stops every VM.
	Close() error
}

// GuestHost hears from running guests. It is implemented by package vim; its
// methods may be called from any goroutine that holds no lock of an object.
type GuestHost interface {
	// GuestOff says that the guest ended by itself: the VM becomes poweredOff.
	GuestOff(ref types.ManagedObjectReference)
	// GuestTold passes on what the agent in the guest says.
	GuestTold(ref types.ManagedObjectReference, info GuestInfo)
}
