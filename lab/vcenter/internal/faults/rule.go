// Package faults lets things go wrong on demand: calls that fail, calls whose
// answer is lost, tasks that fail, hang or end late, transfers that break, and
// whole vCenters that stop.
//
// A rule says on what and what. It fires on its nth match and the following
// ones, as often as it may, and counts.
package faults

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// Rule is one fault as it is armed.
type Rule struct {
	ID string `json:"id,omitempty"`
	On On     `json:"on"`
	Do Do     `json:"do"`
	// Matched and Fired count; they are not part of what is armed. A rule on a
	// transfer matches when one starts, and has fired when its byte is reached.
	Matched int `json:"matched"`
	Fired   int `json:"fired"`
}

// On says when: a call of a method, or a transfer.
type On struct {
	// Method is the WSDL name, such as "PowerOnVM_Task".
	Method string `json:"method,omitempty"`
	// UserAgent is how the caller's user agent begins.
	UserAgent string `json:"user_agent,omitempty"`
	// NFC is "export" or "import".
	NFC string `json:"nfc,omitempty"`
	// AfterBytes of the transfer's body.
	AfterBytes int64 `json:"after_bytes,omitempty"`
	// Disk counts the disks of the lease from 0; nil is any.
	Disk *int `json:"disk,omitempty"`
	// File is for the other files of the lease, such as the firmware's NVRAM,
	// and for no disk.
	File bool `json:"file,omitempty"`
	// Nth match is the first to fire, from 1; Times is how many fire. Both
	// default to 1.
	Nth   int `json:"nth,omitempty"`
	Times int `json:"times,omitempty"`
}

// Do says what. Several things can happen at once.
type Do struct {
	// Fault answers with this fault, such as "InvalidState", without an effect.
	Fault   string `json:"fault,omitempty"`
	Message string `json:"message,omitempty"`
	// Pretend answers a call that returns nothing as if it had been done, without an effect.
	Pretend bool `json:"pretend,omitempty"`
	// LoseAnswer lets the call, or the whole transfer, take effect and breaks
	// the connection instead of answering.
	LoseAnswer bool `json:"lose_answer,omitempty"`
	// DelayMS comes before the effect, or makes a task late. Of a call, it is over
	// at once when the rule is disarmed.
	DelayMS int `json:"delay_ms,omitempty"`
	// Task is "fail", "hang", "late", or "ask": its VM asks Message first.
	Task      string `json:"task,omitempty"`
	TaskFault string `json:"task_fault,omitempty"`
	// ExpireSessions ends every session before the call.
	ExpireSessions bool `json:"expire_sessions,omitempty"`
	// HTTPStatus answers with this status instead.
	HTTPStatus int `json:"http_status,omitempty"`
	// KillPID ends a process, before or after the effect.
	KillPID  int    `json:"kill_pid,omitempty"`
	KillWhen string `json:"kill_when,omitempty"`
	// Of transfers.
	Cut      bool `json:"cut,omitempty"`
	Truncate bool `json:"truncate,omitempty"`
	FlipLBA  bool `json:"flip_lba,omitempty"`
	// FlipBit is the bit of the address that FlipLBA flips, 0 to 63; the
	// lowest of the grain's number if it is left out.
	FlipBit *int `json:"flip_bit,omitempty"`
	// StallMS passes nothing for a while, or until the rule is disarmed.
	StallMS int `json:"stall_ms,omitempty"`
	// Stop stops the whole vCenter.
	Stop *Stop `json:"stop,omitempty"`
	// gone is closed when the rule is disarmed.
	gone chan struct{}
}

// Stop is a vCenter that stops and comes back.
type Stop struct {
	DownMS        int  `json:"down_ms"`
	LeaveHalfMade bool `json:"leave_half_made"`
}

// validate fills in defaults and tells what makes no sense.
func (r *Rule) validate() error {
	r.On.Nth = max(r.On.Nth, 1)
	r.On.Times = max(r.On.Times, 1)
	r.Matched, r.Fired = 0, 0
	if (r.On.Method == "") == (r.On.NFC == "") {
		return errors.New("a rule is on a method or on nfc, one of the two")
	}
	if r.On.NFC != "" && r.On.NFC != "export" && r.On.NFC != "import" {
		return fmt.Errorf("nfc is export or import, not %q", r.On.NFC)
	}
	if r.Do == (Do{}) {
		return errors.New("the rule does nothing")
	}
	if bit := r.Do.FlipBit; bit != nil && (!r.Do.FlipLBA || *bit < 0 || *bit > 63) {
		return errors.New("flip_bit is a bit from 0 to 63 and goes with flip_lba")
	}
	for _, name := range []string{r.Do.Fault, r.Do.TaskFault} {
		if _, err := makeFault(name); name != "" && err != nil {
			return err
		}
	}
	if r.On.File && (r.On.NFC == "" || r.On.Disk != nil) {
		return errors.New("file is for transfers, and for those that are no disk's")
	}
	if r.On.NFC != "" && r.Do.KillWhen == "after" && !r.Do.LoseAnswer {
		return errors.New("after a transfer a process is killed only where its answer is lost")
	}
	if r.Do.Task != "" && !slices.Contains(hook.TaskMethods, r.On.Method) {
		return fmt.Errorf("the task of %q always ends as it does; another outcome is for %s", r.On.Method, strings.Join(hook.TaskMethods, ", "))
	}
	switch r.Do.Task {
	case "", "fail", "hang", "late":
	case "ask":
		if r.Do.Message == "" {
			return errors.New("a task that asks needs its question as the message")
		}
	default:
		return fmt.Errorf("a task can fail, hang, be late or ask, not %q", r.Do.Task)
	}
	switch r.Do.KillWhen {
	case "", "before", "after":
	default:
		return fmt.Errorf("a process is killed before or after, not %q", r.Do.KillWhen)
	}
	return nil
}

// makeFault makes a fault of vSphere by its name.
func makeFault(name string) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(name)
	if ok {
		if fault, is := reflect.New(kind).Interface().(types.BaseMethodFault); is {
			return fault, nil
		}
	}
	return nil, fmt.Errorf("vSphere has no fault %q", name)
}

func (d *Do) delay() time.Duration { return time.Duration(d.DelayMS) * time.Millisecond }

// wait waits for the delay, or until the rule is disarmed.
func (d *Do) wait() {
	timer := time.NewTimer(d.delay())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.gone:
	}
}

// book holds the rules and counts calls.
type book struct {
	mu    sync.Mutex
	rules []*Rule
	calls map[string]int
}

func (b *book) arm(r Rule) (string, error) {
	if err := r.validate(); err != nil {
		return "", err
	}
	r.ID = uuid.NewString()
	r.Do.gone = make(chan struct{})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules = append(b.rules, &r)
	return r.ID, nil
}

func (b *book) list() []Rule {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Rule, 0, len(b.rules))
	for _, r := range b.rules {
		out = append(out, *r)
	}
	return out
}

// disarm removes a rule, or all for "".
func (b *book) disarm(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []*Rule
	for _, r := range b.rules {
		if id != "" && r.ID != id {
			rest = append(rest, r)
			continue
		}
		close(r.Do.gone)
	}
	found := len(rest) < len(b.rules)
	b.rules = rest
	return found || id == ""
}

// fire counts a match with each rule and returns what the first does whose
// turn it is, which has fired thereby.
func (b *book) fire(matches func(*Rule) bool) *Do {
	do, fired := b.load(matches)
	if do != nil {
		fired()
	}
	return do
}

// load counts a match with each rule and returns what the first does whose
// turn it is. The rule has fired when that is told, which counts once.
func (b *book) load(matches func(*Rule) bool) (*Do, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var loaded *Rule
	for _, r := range b.rules {
		if !matches(r) {
			continue
		}
		r.Matched++
		if loaded == nil && r.Matched >= r.On.Nth && r.Matched < r.On.Nth+r.On.Times {
			loaded = r
		}
	}
	if loaded == nil {
		return nil, nil
	}
	do := loaded.Do
	return &do, sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		loaded.Fired++
	})
}

func (b *book) count(method string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls == nil {
		b.calls = make(map[string]int)
	}
	b.calls[method]++
}

func matchesAgent(r *Rule, agent string) bool { return strings.HasPrefix(agent, r.On.UserAgent) }
