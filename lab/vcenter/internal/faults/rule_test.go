package faults

import (
	"testing"

	"hdm.dev/lab/vcenter/internal/hook"
)

func always(*Rule) bool { return true }

func TestARuleFiresOnItsNthMatchAsOftenAsItMay(t *testing.T) {
	var b book
	if _, err := b.arm(Rule{On: On{Method: "PowerOnVM_Task", Nth: 2, Times: 2}, Do: Do{LoseAnswer: true}}); err != nil {
		t.Fatal(err)
	}
	var fired []bool
	for range 5 {
		fired = append(fired, b.fire(always) != nil)
	}
	for n, want := range []bool{false, true, true, false, false} {
		if fired[n] != want {
			t.Errorf("match %d fired: %v", n+1, fired[n])
		}
	}
	if rule := b.list()[0]; rule.Matched != 5 || rule.Fired != 2 {
		t.Errorf("it counted %d matches and %d firings", rule.Matched, rule.Fired)
	}
}

func TestARuleOnATransferHasFiredWhenItsByteIsReached(t *testing.T) {
	f := New(nil)
	id, err := f.Arm(Rule{On: On{NFC: "export", AfterBytes: 10}, Do: Do{Cut: true}})
	if err != nil {
		t.Fatal(err)
	}
	fault := f.Stream(hook.NFCStream{Kind: "export"})
	if rule := f.Rules()[0]; rule.ID != id || rule.Matched != 1 || rule.Fired != 0 {
		t.Errorf("before the byte it counted %d matches and %d firings", rule.Matched, rule.Fired)
	}
	fault.Act()
	fault.Act()
	if fired := f.Rules()[0].Fired; fired != 1 {
		t.Errorf("after the byte it counted %d firings", fired)
	}
}

func TestOfTwoRulesTheFirstFiresAndBothCount(t *testing.T) {
	var b book
	first, _ := b.arm(Rule{On: On{Method: "M"}, Do: Do{HTTPStatus: 503}})
	_, _ = b.arm(Rule{On: On{Method: "M", Nth: 2}, Do: Do{HTTPStatus: 500}})
	for n, want := range []int{503, 500} {
		if do := b.fire(always); do == nil || do.HTTPStatus != want {
			t.Errorf("match %d: %+v, want %d", n+1, do, want)
		}
	}
	if !b.disarm(first) || b.disarm(first) || len(b.list()) != 1 {
		t.Error("a rule is disarmed once")
	}
}

func TestADisarmedRuleHoldsNothingUpAnyMore(t *testing.T) {
	f := New(nil)
	call, _ := f.Arm(Rule{On: On{Method: "M"}, Do: Do{DelayMS: 600_000}})
	transfer, _ := f.Arm(Rule{On: On{NFC: "import"}, Do: Do{StallMS: 600_000}})
	do := f.book.fire(func(r *Rule) bool { return r.ID == call })
	stream := f.Stream(hook.NFCStream{Kind: "import"})
	f.Disarm(call)
	f.Disarm(transfer)
	do.wait()
	<-stream.Resume
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	bad := map[string]Rule{
		"neither method nor transfer": {Do: Do{Cut: true}},
		"both":                        {On: On{Method: "M", NFC: "export"}, Do: Do{Cut: true}},
		"no side":                     {On: On{NFC: "sideways"}, Do: Do{Cut: true}},
		"nothing happens":             {On: On{Method: "M"}},
		"no such fault":               {On: On{Method: "M"}, Do: Do{Fault: "Toothache"}},
		"a task that ends as it does": {On: On{Method: "Rename_Task"}, Do: Do{Task: "fail"}},
		"a transfer's task":           {On: On{NFC: "export"}, Do: Do{Task: "fail"}},
		"no such outcome":             {On: On{Method: "PowerOnVM_Task"}, Do: Do{Task: "explode"}},
		"a question without words":    {On: On{Method: "PowerOnVM_Task"}, Do: Do{Task: "ask"}},
		"no such moment":              {On: On{Method: "M"}, Do: Do{KillPID: 1, KillWhen: "during"}},
	}
	var b book
	for what, rule := range bad {
		if _, err := b.arm(rule); err == nil {
			t.Errorf("%s: it was armed", what)
		}
	}
	if len(b.list()) != 0 {
		t.Error("something refused was kept")
	}
}

func TestARuleForFilesLeavesDisksAlone(t *testing.T) {
	f := New(nil)
	if _, err := f.Arm(Rule{On: On{NFC: "import", File: true}, Do: Do{LoseAnswer: true}}); err != nil {
		t.Fatal(err)
	}
	if f.Stream(hook.NFCStream{Kind: "import", Disk: 0}) != nil {
		t.Error("it fired for a disk")
	}
	fault := f.Stream(hook.NFCStream{Kind: "import", Disk: -1})
	if fault == nil || !fault.LoseAnswer {
		t.Errorf("it did not fire for a file: %+v", fault)
	}
}

func TestWhatMakesNoSenseIsNotArmed(t *testing.T) {
	disk := 0
	for _, rule := range []Rule{
		{On: On{Method: "M", File: true}, Do: Do{LoseAnswer: true}},
		{On: On{NFC: "import", File: true, Disk: &disk}, Do: Do{LoseAnswer: true}},
		{On: On{NFC: "import"}, Do: Do{KillPID: 1, KillWhen: "after"}},
	} {
		if _, err := New(nil).Arm(rule); err == nil {
			t.Errorf("%+v was armed", rule)
		}
	}
}
