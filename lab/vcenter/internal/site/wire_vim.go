package site

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/cert"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/nfc"
	"hdm.dev/lab/vcenter/internal/vim"
)

// esx is a host as its NFC clients see it.
type esx struct {
	listener   *listener
	thumbprint string
}

// wireVim registers what the lab changes in methods of vcsim, and makes the
// hosts' listeners.
func (s *Site) wireVim(table hook.Dispatcher) error {
	s.hosts = make(map[types.ManagedObjectReference]*esx)
	prepareIn := ""
	if s.cfg.PrepareExports {
		prepareIn = filepath.Join(s.cfg.Dir, "exports")
	}
	s.leases = nfc.NewManager(nfc.Options{
		Context: s.own, Disks: s.disks, NFC: s.faults.nfc, Timeout: s.cfg.LeaseTimeout(),
		HostAddress: s.hostAddress,
		RemoveVM: func(ctx *simulator.Context, vm types.ManagedObjectReference) {
			s.vim.RemoveVM(ctx, vm)
		},
		PrepareIn: prepareIn, ThumbprintStar: s.cfg.ThumbprintStar, RefuseChunked: s.cfg.RefuseChunked,
		RefuseSecondPost: s.cfg.RefuseSecondPost, CheckImports: s.cfg.ChecksImports(),
	})
	s.vim = vim.New(vim.Options{
		Context: s.own, Disks: s.disks, Leases: s.leases, Guests: s.Guests, Tasks: s.faults.tasks,
		SpaceChanged: s.RefreshDatastores,
	}, table)
	return s.makeHosts()
}

// makeHosts gives every host a certificate and a listener of its own, and shows
// both where vCenter shows them.
func (s *Site) makeHosts() error {
	ctx := s.own()
	for _, entity := range ctx.Map.All("HostSystem") {
		host, ok := entity.(*simulator.HostSystem)
		if !ok {
			continue
		}
		own, err := cert.Kept(s.certDir(), host.Name, net.ParseIP(s.cfg.NFCListenIP))
		if err != nil {
			return err
		}
		config := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
		l := newListener(net.JoinHostPort(s.cfg.NFCListenIP, "0"), config, s.leases.Handler(host.Self)).over(s.link)
		// Once, for its port; from then on with the vCenter.
		if err := l.open(); err != nil {
			return fmt.Errorf("host %q: %w", host.Name, err)
		}
		s.hosts[host.Self] = &esx{listener: l, thumbprint: cert.SHA1(own)}
		_, port, err := net.SplitHostPort(l.addr())
		if err != nil {
			return err
		}
		var number int32
		if _, err := fmt.Sscan(port, &number); err != nil {
			return err
		}
		host.Summary.Config.Name = s.cfg.NFCListenIP
		host.Summary.Config.Port = number
		host.Summary.Config.SslThumbprint = cert.SHA1(own)
	}
	return nil
}

func (s *Site) hostAddress(ref types.ManagedObjectReference) (address, thumbprint string) {
	host := s.hosts[ref]
	if host == nil {
		return "127.0.0.1:1", ""
	}
	return host.listener.addr(), host.thumbprint
}

// openHosts and closeHosts follow the vCenter's own listener.
func (s *Site) openHosts() error {
	for _, host := range s.hosts {
		if err := host.listener.open(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) closeHosts() {
	for _, host := range s.hosts {
		host.listener.close()
	}
}

// powerOnConfigured starts the VMs that the configuration wants on.
func (s *Site) powerOnConfigured() {
	for _, ref := range s.powerOn {
		task, err := object.NewVirtualMachine(s.client, ref).PowerOn(context.Background())
		if err == nil {
			_, err = task.WaitForResult(context.Background(), nil)
		}
		if err != nil {
			log.Printf("powering on %s: %v", ref.Value, err)
		}
	}
}

// Leases implements hook.Site.
func (s *Site) Leases() hook.Leases { return s.leases }
