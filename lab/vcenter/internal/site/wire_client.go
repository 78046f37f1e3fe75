package site

import (
	"crypto/tls"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/client"
	"hdm.dev/lab/vcenter/internal/ticket"
)

// wireClient makes the stand-in of the vSphere Client, if the configuration has
// one.
func (s *Site) wireClient(tickets *ticket.Store) {
	if s.cfg.Client == nil {
		return
	}
	s.web = client.New(client.Options{
		Config: *s.cfg.Client, Name: s.cfg.Name, GUID: s.client.ServiceContent.About.InstanceUuid, Version: s.cfg.Version,
		User: s.cfg.User, Password: s.cfg.Password,
		URL:    func() string { return "https://" + s.soap.addr() + vim25.Path },
		SHA256: func() string { return *s.thumbprint.Load() }, Extensions: s.extensions, DropTickets: tickets.DropAll,
	})
}

// extensions are those registered now.
func (s *Site) extensions() (all []types.Extension) {
	ctx := s.own()
	manager, ok := ctx.Map.Get(*s.client.ServiceContent.ExtensionManager).(*simulator.ExtensionManager)
	if !ok {
		return nil
	}
	ctx.WithLock(manager, func() { all = slices.Clone(manager.ExtensionList) })
	return all
}

// offered is a configuration with what offer adds to it.
func (s *Site) offered(config *tls.Config) *tls.Config {
	offered := config.Clone()
	offered.GetConfigForClient = s.offer(config)
	return offered
}

// offer is the TLS configuration for one connection: HTTP/2 is only for the
// client's browsers, and only if its proxy is set to it.
func (s *Site) offer(config *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	http2 := config.Clone()
	http2.NextProtos = []string{"h2", "http/1.1"}
	return func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if s.web != nil && s.web.OffersHTTP2() {
			return http2, nil
		}
		return config, nil
	}
}
