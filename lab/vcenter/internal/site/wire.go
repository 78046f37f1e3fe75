package site

import (
	"net/http"

	"hdm.dev/lab/vcenter/internal/collector"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/ovf"
	"hdm.dev/lab/vcenter/internal/usage"
	"hdm.dev/lab/vcenter/internal/version"
)

// faultHooks are the places where faults happen; each may be nil.
type faultHooks struct {
	middleware hook.Middleware
	tasks      hook.Tasks
	nfc        hook.NFC
}

// wire connects the packages. The order matters: what registers first with the
// dispatcher is the outermost.
func (s *Site) wire(table hook.Dispatcher) error {
	if err := version.Register(table, s.cfg.Version); err != nil {
		return err
	}
	s.access.Register(table)
	var err error
	if s.faults, err = s.makeFaults(); err != nil {
		return err
	}
	s.wireClient(s.wireTickets(table))
	var adminHandler http.Handler
	if adminHandler, err = s.makeAdmin(); err != nil {
		return err
	}
	s.admin = newListener(s.cfg.AdminListen, nil, adminHandler)
	if err := s.wireVim(table); err != nil {
		return err
	}
	ovf.Register(s.own(), table)
	s.Authority().OnChange(collector.Register(s.own(), table, s.Sessions, s.access).Regrant)
	use := usage.New(s.own, s.cfg.Usage, table)
	s.created = append(s.created, use.Close)
	if s.guests, err = s.makeGuests(table); err != nil {
		return err
	}
	if s.guests != nil {
		s.created = append(s.created, func() { _ = s.guests.Close() })
	}
	return nil
}
