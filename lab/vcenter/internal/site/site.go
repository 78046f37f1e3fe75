// Package site puts one simulated vCenter together: vcsim's service and
// registry, the lab's inventory, disks, leases, guests and faults, and the
// listeners they are reached through.
package site

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	pbm "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/access"
	"hdm.dev/lab/vcenter/internal/cert"
	"hdm.dev/lab/vcenter/internal/client"
	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/disk"
	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/faults"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/link"
	"hdm.dev/lab/vcenter/internal/nfc"
	"hdm.dev/lab/vcenter/internal/version"
	"hdm.dev/lab/vcenter/internal/vim"
)

// drainLimit is how long Close waits for running calls.
const drainLimit = 2 * time.Second

// Site is one simulated vCenter. It implements hook.Site.
type Site struct {
	cfg    *config.Config
	svc    *simulator.Service
	client *vim25.Client
	disks  *disk.Store
	guests hook.Guests
	faults faultHooks
	soap   *listener
	admin  *listener
	cert   tls.Certificate
	// thumbprint is that of the certificate shown now.
	thumbprint atomic.Pointer[string]
	created    []func() // undo of what New made, in order
	// powerOn are the VMs to be powered on once everything is wired.
	powerOn []types.ManagedObjectReference
	leases  *nfc.Manager
	vim     *vim.VIM
	rules   *faults.Faults
	link    *link.Link
	// policies and vapi are what VMs get their storage policies and tags from.
	policies *policies
	vapi     http.Handler
	hosts    map[types.ManagedObjectReference]*esx
	// told is what was last told of each datastore's space.
	told   sync.Map
	access *access.Access
	// web is the stand-in of the vSphere Client; nil if there is none.
	web *client.Client

	mu      sync.Mutex
	running bool
}

// Ready is what the ready line tells.
type Ready struct {
	Name         string `json:"name"`
	URL          string `json:"url"`
	User         string `json:"user"`
	Password     string `json:"password"`
	SHA1         string `json:"sha1"`
	SHA256       string `json:"sha256"`
	AdminURL     string `json:"admin_url"`
	AdminToken   string `json:"admin_token"`
	PID          int    `json:"pid"`
	InstanceUUID string `json:"instance_uuid"`
	// ClientURL is where the vSphere Client's stand-in is; "" if there is none.
	ClientURL string `json:"client_url,omitempty"`
}

// New builds the vCenter without listening. Only one can be made in a process,
// because vcsim keeps state in package variables.
func New(cfg *config.Config) (*Site, error) {
	s := &Site{cfg: cfg}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the vCenter's directory: %w", err)
	}
	locked, err := lock(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s.created = append(s.created, func() { _ = locked.Close() })
	// The configuration says what is there at the start, and nothing else is.
	if err := os.RemoveAll(s.datastoreDir()); err != nil {
		return nil, fmt.Errorf("clearing the datastores of an earlier run: %w", err)
	}
	instance, err := s.instanceUUID()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	if s.cert, err = cert.Kept(s.certDir(), cfg.Name, net.ParseIP(host)); err != nil {
		return nil, err
	}
	s.thumbprint.Store(new(cert.SHA256(s.cert)))
	if cfg.Link != nil {
		if s.link, err = link.New(*cfg.Link); err != nil {
			return nil, fmt.Errorf("link: %w", err)
		}
	}
	if err := s.makeService(instance); err != nil {
		return nil, err
	}
	s.disks, err = disk.New(s.datastoreDir(), datastores(cfg))
	if err != nil {
		return nil, err
	}
	if err := s.buildInventory(); err != nil {
		return nil, fmt.Errorf("building the inventory: %w", err)
	}
	if err := s.setFreeSpace(); err != nil {
		return nil, err
	}
	if err := s.grantConfigured(); err != nil {
		return nil, err
	}
	table := dispatch.New()
	if err := s.wire(table); err != nil {
		s.Close()
		return nil, err
	}
	table.Install(s.svc.Context.Map)
	s.powerOnConfigured()
	return s, nil
}

// makeService creates vcsim's service with an empty inventory.
func (s *Site) makeService(instance string) error {
	content := vpx.ServiceContent
	if err := version.About(&content.About, s.cfg.Version); err != nil {
		return err
	}
	content.About.InstanceUuid = instance
	ctx, si := simulator.NewServiceInstance(simulator.NewContext(), content, vpx.RootFolder)
	si.Content.About.InstanceUuid = instance
	s.svc = simulator.New(ctx, si)
	s.svc.Listen = &url.URL{Scheme: "https", Host: s.cfg.Listen, Path: vim25.Path,
		User: url.UserPassword(s.cfg.User, s.cfg.Password)}
	s.svc.RegisterSDK(ctx.Map, ctx.Map.Path+"/vimService")
	storage := pbm.New()
	s.policies = makePolicies(storage)
	s.svc.RegisterSDK(storage)
	s.makeVAPI(ctx.Map)
	s.svc.ServeMux.HandleFunc(ctx.Map.Path+"/vimServiceVersions.xml", s.svc.ServiceVersions)
	s.svc.ServeMux.HandleFunc("/folder/", s.svc.ServeDatastore)
	s.svc.ServeMux.HandleFunc("/about", s.svc.About)
	config := serverTLS(s.cert)
	ctx.Map.SessionManager().TLS = func() *tls.Config { return config }
	s.soap = newListener(s.cfg.Listen, s.offered(config), http.HandlerFunc(s.serveSOAP)).over(s.link)
	client, err := vim25.NewClient(ctx, s.svc)
	s.client = client
	if err != nil {
		return err
	}
	return s.makeAccess()
}

func serverTLS(own tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert}
}

// serveSOAP puts the faults' middleware before vcsim's handler, and the vSphere
// Client's pages beside it.
func (s *Site) serveSOAP(w http.ResponseWriter, r *http.Request) {
	if s.web != nil && s.web.Owns(r.URL.Path) {
		s.web.ServeHTTP(w, r)
		return
	}
	handler := s.access.Web(vim.KeepEmpty(s.svc.ServeMux), s.UserOf, s.vapi)
	if s.faults.middleware != nil {
		handler = s.faults.middleware(handler)
	}
	handler.ServeHTTP(w, r)
}

// Ready tells how to reach the site.
func (s *Site) Ready() Ready {
	ready := Ready{
		Name: s.cfg.Name, URL: "https://" + s.soap.addr() + vim25.Path,
		User: s.cfg.User, Password: s.cfg.Password,
		SHA1: cert.SHA1(s.cert), SHA256: cert.SHA256(s.cert),
		AdminURL: "http://" + s.admin.addr(), AdminToken: s.cfg.AdminToken,
		PID: os.Getpid(), InstanceUUID: s.client.ServiceContent.About.InstanceUuid,
	}
	if s.web != nil {
		ready.ClientURL = "https://" + s.soap.addr() + "/ui/"
	}
	return ready
}

// Config implements hook.Site.
func (s *Site) Config() *config.Config { return s.cfg }

// Context implements hook.Site.
func (s *Site) Context() *simulator.Context { return s.svc.Context }

// Client implements hook.Site.
func (s *Site) Client() *vim25.Client { return s.client }

// Disks implements hook.Site.
func (s *Site) Disks() hook.Disks { return s.disks }

// Guests implements hook.Site.
func (s *Site) Guests() hook.Guests { return s.guests }

// Close stops guests and listeners for good.
func (s *Site) Close() {
	if s.web != nil {
		s.web.Close()
	}
	s.soap.drain(drainLimit)
	s.closeHosts()
	if s.admin != nil {
		s.admin.drain(drainLimit)
	}
	for i := len(s.created) - 1; i >= 0; i-- {
		s.created[i]()
	}
}

func (s *Site) datastoreDir() string { return filepath.Join(s.cfg.Dir, "datastores") }

func (s *Site) certDir() string { return filepath.Join(s.cfg.Dir, "certificates") }

// instanceUUID is made once per directory.
func (s *Site) instanceUUID() (string, error) {
	file := filepath.Join(s.cfg.Dir, "instance-uuid")
	if data, err := os.ReadFile(file); err == nil {
		if id, err := uuid.ParseBytes(data); err == nil {
			return id.String(), nil
		}
		return "", fmt.Errorf("%s does not hold a UUID; remove it to have one made", file)
	}
	id := uuid.NewString()
	if err := os.WriteFile(file, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("keeping the instance UUID: %w", err)
	}
	return id, nil
}

func datastores(cfg *config.Config) []disk.Datastore {
	var all []disk.Datastore
	for _, dc := range cfg.Inventory.Datacenters {
		for _, ds := range dc.Datastores {
			all = append(all, disk.Datastore{Name: ds.Name, CapacityBytes: ds.CapacityBytes})
		}
	}
	return all
}

// setFreeSpace applies free_bytes, which counts from when the inventory is there.
func (s *Site) setFreeSpace() error {
	for _, dc := range s.cfg.Inventory.Datacenters {
		for _, ds := range dc.Datastores {
			if ds.FreeBytes > 0 {
				if err := s.disks.SetFree(ds.Name, ds.FreeBytes); err != nil {
					return err
				}
			}
		}
	}
	s.RefreshDatastores()
	return nil
}

var _ hook.Site = (*Site)(nil)
