package site

import "hdm.dev/lab/vcenter/internal/hook"

// wireVim registers what the lab changes in methods of vcsim.
func (s *Site) wireVim(hook.Dispatcher) error {
	return nil
}

// Leases implements hook.Site.
func (s *Site) Leases() hook.Leases { return noLeases{} }

type noLeases struct{}

func (noLeases) Live() []hook.Lease { return nil }
