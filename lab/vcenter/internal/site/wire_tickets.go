package site

import (
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/ticket"
)

// wireTickets puts the lab's clone tickets in place of vcsim's.
func (s *Site) wireTickets(table hook.Dispatcher) *ticket.Store {
	tickets := ticket.New(s.Sessions)
	tickets.Register(table)
	return tickets
}
