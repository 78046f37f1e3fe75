package client_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// enter logs in by the login page.
func (d *driver) enter(l *lab) {
	d.t.Helper()
	d.open(l.ClientURL)
	d.write(testid("login-user"), l.User)
	d.write(testid("login-password"), password)
	d.click(testid("login-submit"))
	d.find(testid("main-menu"))
}

const (
	control     = "\uE009"
	shift       = "\uE008"
	right, down = "\uE014", "\uE015"
	escape      = "\uE00C"
)

func TestABrowserUsesAPlugin(t *testing.T) {
	d := newDriver(t)
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	l.deploy(p)
	d.open(l.ClientURL)
	d.find(testid("login"))
	d.screenshot("login")
	d.enter(l)
	d.screenshot("home")
	d.click(testid("node-DC0") + " .twisty")
	d.click(testid("node-C0"))
	d.click(testid("tab-monitor"))
	d.find(testid("nav-" + trialKey + "-cl.dyn"))
	if n := d.count(testid("nav-" + trialKey + "-cl.hidden")); n != 0 {
		t.Error("a view that the plug-in hides is shown")
	}
	d.click(testid("nav-" + trialKey + "-cl.mon"))
	d.frame(testid("plugin-frame"))
	d.find("#again")
	d.find("#backend")
	d.shows("#theme", `{"name":"light"}`)
	d.shows("#locale", "en-US")
	var before struct {
		App         any
		Initialized bool
		Origin      string
	}
	if err := json.Unmarshal([]byte(d.text("#before")), &before); err != nil || before.App != nil || before.Initialized || !strings.Contains(before.Origin, "/plugins/"+trialKey+"~1.0.0~") {
		t.Errorf("before the initialisation it is %+v, %v", before, err)
	}
	d.frame("")
	d.screenshot("monitor")
	if problems := d.problems(); len(problems) > 0 {
		t.Errorf("the console has %q", problems)
	}
}
