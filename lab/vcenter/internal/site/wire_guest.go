package site

import (
	"path/filepath"

	"hdm.dev/lab/vcenter/internal/guest"
	"hdm.dev/lab/vcenter/internal/hook"
)

// makeGuests returns what runs bootable VMs.
func (s *Site) makeGuests(hook.Dispatcher) (hook.Guests, error) {
	return guest.New(filepath.Join(s.cfg.Dir, "guests"), s.vim), nil
}
