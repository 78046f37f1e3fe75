package hook

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/config"
)

// Site is the running vCenter as the admin API and the faults see it.
type Site interface {
	Config() *config.Config
	// Context is the service's own context. Copy it (c := *site.Context())
	// before locking with it: locks belong to a context's address.
	Context() *simulator.Context
	// Client calls the API in process, through the dispatcher but past the
	// HTTP middleware, as a session that is always logged in.
	Client() *vim25.Client
	Disks() Disks
	Leases() Leases
	// Guests runs bootable VMs; nil while the site is being built.
	Guests() Guests

	// Running tells whether the SOAP and NFC listeners are open.
	Running() bool
	// Stop closes the SOAP and NFC listeners, breaks their connections and
	// forgets sessions, leases, collectors and task objects. With leaveHalfMade
	// the VMs of import leases stay, else they are removed.
	Stop(leaveHalfMade bool)
	// Start opens the listeners again: same ports, same certificates.
	Start() error
	// ExpireSessions ends every session, as a timeout does.
	ExpireSessions()
	// SetPassword makes another password a user's valid one, the administrator's
	// for "". Sessions go on.
	SetPassword(user, password string) error
	// RenewCertificate gives the SOAP endpoint another certificate and returns
	// its SHA-256 thumbprint.
	RenewCertificate() (string, error)
	// Sessions lists the live logins.
	Sessions() []Session
	// Users lists the accounts.
	Users() []auth.User
	// ChangeUser does "lock", "unlock" or "remove" to an account and tells how
	// many of its sessions this has ended.
	ChangeUser(name, do string) (ended int, err error)
	// SetPermission gives a user or a group a role on an object, in place of the
	// one it has there, or takes it away if no role is named.
	SetPermission(config.Permission) error
	// ForgetTasks removes the objects of tasks that have ended.
	ForgetTasks()
	// RefreshDatastores writes capacity and free space into the inventory. To
	// be called after Disks.SetFree.
	RefreshDatastores()
}

// Session is one live login.
type Session struct {
	Key       string    `json:"key"`
	User      string    `json:"user"`
	UserAgent string    `json:"user_agent"`
	Login     time.Time `json:"login"`
}

// Leases knows the NFC leases.
type Leases interface {
	// Live lists the leases that are initializing or ready.
	Live() []Lease
	// Transfers tells how often each device of each VM was transferred, whole
	// or not.
	Transfers() []Transfer
}

// Transfer counts the requests for one device of the leases of one VM.
type Transfer struct {
	// Kind is "export" or "import"; File is the device, such as "disk-0.vmdk".
	Kind  string `json:"kind"`
	VM    string `json:"vm"`
	File  string `json:"file"`
	Count int    `json:"count"`
}

// Lease is one live lease.
type Lease struct {
	Ref   string `json:"ref"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	VM    string `json:"vm"`
}
