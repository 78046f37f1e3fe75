package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

// The simulator has package variables: one vCenter for all tests. Names that
// begin with "secret" are of VMs that the viewer must never hear of.
const siteConfig = `{"name": "lab", "password": "root", "inventory": {
	"datacenters": [{"name": "DC0", "folders": ["Prod", "Prod/Web", "Test"], "networks": ["VM Network"],
		"clusters": [{"name": "C0", "drs": true, "hosts": 1, "pools": ["Gold"]}, {"name": "C1", "drs": true, "hosts": 1}],
		"datastores": [{"name": "ds0"}]}],
	"vms": [
		{"name": "web-01", "folder": "Prod/Web", "cluster": "C0", "nics": [{}], "disks": [{"size_bytes": 1048576}], "snapshots": ["one"]},
		{"name": "web-02", "folder": "Prod", "cluster": "C1"},
		{"name": "secret-01", "folder": "Test", "cluster": "C0", "nics": [{}], "disks": [{"size_bytes": 1048576}], "snapshots": ["secret-snapshot"]},
		{"name": "secret-02", "folder": "Test", "cluster": "C1"},
		{"name": "secret-template", "folder": "Test", "cluster": "C1", "template": true}],
	"generated_vms": {"folders": [""], "count": 20, "prefix": "secret-"}},
	"users": [
		{"name": "operator@lab", "password": "op"},
		{"name": "viewer@lab", "password": "view"},
		{"name": "member@lab", "password": "m", "groups": ["Readers@lab", "Powers@lab"]},
		{"name": "mover@lab", "password": "mv"},
		{"name": "nobody@lab", "password": "no"}],
	"roles": [
		{"name": "Operator", "privileges": ["VirtualMachine.Interact.PowerOn", "VirtualMachine.State.CreateSnapshot", "Task.Create", "Task.Update", "Global.LogEvent"]},
		{"name": "Power", "privileges": ["VirtualMachine.Interact.PowerOff"]}],
	"permissions": [
		{"path": "/DC0/host/C0", "principal": "operator@lab", "role": "Operator", "propagate": true},
		{"path": "/DC0/vm/Prod", "principal": "viewer@lab", "role": "ReadOnly", "propagate": true},
		{"path": "/DC0/vm/Prod", "principal": "mover@lab", "role": "ReadOnly", "propagate": true},
		{"path": "/DC0/vm", "principal": "Readers@lab", "group": true, "role": "ReadOnly", "propagate": true},
		{"path": "/DC0/vm", "principal": "Powers@lab", "group": true, "role": "Power", "propagate": true},
		{"path": "/DC0/vm/Test", "principal": "member@lab", "role": "NoAccess", "propagate": true}]}`

var theSite *site.Site

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lab-access-")
	if err != nil {
		panic(err)
	}
	cfg, err := config.Parse([]byte(siteConfig))
	if err != nil {
		panic(err)
	}
	cfg.Dir = dir
	if theSite, err = site.New(cfg); err != nil {
		panic(err)
	}
	if err := theSite.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	theSite.Close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

const root = "administrator@vsphere.local"

var passwords = map[string]string{root: "root", "operator@lab": "op", "viewer@lab": "view", "member@lab": "m", "mover@lab": "mv", "nobody@lab": "no"}

// heard keeps all that a client was answered, raw.
type heard struct {
	next http.RoundTripper
	mu   sync.Mutex
	raw  bytes.Buffer
}

func (h *heard) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := h.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	h.mu.Lock()
	h.raw.Write(body)
	h.mu.Unlock()
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, err
}

// about tells whether a word was in any answer.
func (h *heard) about(word string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Contains(h.raw.Bytes(), []byte(word))
}

func login(t *testing.T, user string) (context.Context, *govmomi.Client, *heard) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	u, err := soap.ParseURL(theSite.Ready().URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := soap.NewClient(u, true)
	h := &heard{next: transport.Client.Transport}
	transport.Client.Transport = h
	vim, err := vim25.NewClient(ctx, transport)
	if err != nil {
		t.Fatal(err)
	}
	client := &govmomi.Client{Client: vim, SessionManager: session.NewManager(vim)}
	if err := client.Login(ctx, url.UserPassword(user, passwords[user])); err != nil {
		t.Fatalf("%s cannot log in: %v", user, err)
	}
	t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return ctx, client, h
}

// find looks an object up as the administrator.
func at(t *testing.T, path string) types.ManagedObjectReference {
	t.Helper()
	ctx, client, _ := login(t, root)
	list, err := find.NewFinder(client.Client).ManagedObjectList(ctx, path)
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %v %v", path, list, err)
	}
	return list[0].Object.Reference()
}

// lacks fails unless an error is NoPermission for a privilege on an object.
func lacks(t *testing.T, err error, on types.ManagedObjectReference, privilege string) {
	t.Helper()
	if err == nil {
		t.Fatalf("nothing was refused; want NoPermission of %s on %s", privilege, on.Value)
	}
	var fault types.NoPermission
	switch {
	case soap.IsSoapFault(err):
		fault, _ = soap.ToSoapFault(err).VimFault().(types.NoPermission)
	case soap.IsVimFault(err):
		if missing, ok := soap.ToVimFault(err).(*types.NoPermission); ok {
			fault = *missing
		}
	}
	if fault.PrivilegeId != privilege || fault.Object == nil || *fault.Object != on {
		t.Fatalf("%v of %s on %v, want NoPermission of %s on %s", err, fault.PrivilegeId, fault.Object, privilege, on.Value)
	}
}

// admin calls the lab's own API.
func admin(t *testing.T, method, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequest(method, theSite.Ready().AdminURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+theSite.Ready().AdminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %s: %s", path, res.Status, text)
	}
	if into != nil {
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
}
