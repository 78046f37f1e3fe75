package site

import "hdm.dev/lab/vcenter/internal/inventory"

// buildInventory fills the registry with what the configuration asks for and
// defines every disk.
func (s *Site) buildInventory() error {
	var err error
	s.powerOn, err = inventory.Build(s.svc.Context, s.client, s.cfg, s.disks)
	return err
}
