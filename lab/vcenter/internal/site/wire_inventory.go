package site

import "hdm.dev/lab/vcenter/internal/inventory"

// buildInventory fills the registry with what the configuration asks for and
// defines every disk.
func (s *Site) buildInventory() error {
	built, err := inventory.Build(s.svc.Context, s.client, s.cfg, s.disks)
	if err != nil {
		return err
	}
	s.powerOn = built.On
	return s.attach(built.Attached)
}
