package ticket

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

func TestATicketWorksOnceAndNotLongerThanItsSession(t *testing.T) {
	live := []hook.Session{{Key: "one"}, {Key: "two"}}
	s := New(func() []hook.Session { return live })
	now := time.Now()
	one, two := s.give(types.UserSession{Key: "one", UserName: "ann"}, now), s.give(types.UserSession{Key: "two"}, now)
	if got, ok := s.take(one, now); !ok || got.UserName != "ann" {
		t.Errorf("the first use gives %+v, %t", got, ok)
	}
	if _, ok := s.take(one, now); ok {
		t.Error("a ticket works twice")
	}
	live = live[:1]
	if _, ok := s.take(two, now); ok {
		t.Error("a ticket works after its session has ended")
	}
	if _, ok := s.take("", now); ok {
		t.Error("no ticket at all works")
	}
	late := s.give(types.UserSession{Key: "one"}, now)
	if _, ok := s.take(late, now.Add(life+time.Second)); ok {
		t.Error("a ticket works after its life")
	}
	dropped := s.give(types.UserSession{Key: "one"}, now)
	s.DropAll()
	if _, ok := s.take(dropped, now); ok {
		t.Error("a dropped ticket works")
	}
}

func TestTheNumberOfOpenTicketsHasALimit(t *testing.T) {
	s := New(func() []hook.Session { return []hook.Session{{Key: "one"}} })
	now := time.Now()
	first := s.give(types.UserSession{Key: "one"}, now)
	for i := range maxOpen {
		s.give(types.UserSession{Key: "one"}, now.Add(time.Duration(i+1)*time.Millisecond))
	}
	if len(s.open) != maxOpen {
		t.Errorf("%d tickets are open", len(s.open))
	}
	if _, ok := s.take(first, now); ok {
		t.Error("the oldest ticket was kept over the limit")
	}
}
