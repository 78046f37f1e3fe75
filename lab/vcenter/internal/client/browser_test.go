package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vim25/types"
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

// choose takes an entry of the user menu's submenus.
func (d *driver) choose(name, value string) {
	d.t.Helper()
	d.click(testid("user-menu"))
	d.click(testid("menu-" + name))
	d.click(testid(name + "-" + value))
}

// clean fails the test for whatever is in the browser's console.
func (d *driver) clean() {
	d.t.Helper()
	for _, problem := range d.problems() {
		d.t.Errorf("the console has %s", problem)
	}
}

// urn of an inventory path.
func (l *lab) urn(path string) string {
	l.t.Helper()
	list, err := find.NewFinder(l.administrator().Client).ManagedObjectList(l.ctx(), path)
	if err != nil || len(list) != 1 {
		l.t.Fatalf("%s is %v, %v", path, list, err)
	}
	ref := list[0].Object.Reference()
	return "urn:vmomi:" + ref.Type + ":" + ref.Value + ":" + l.InstanceUUID
}

func nav(view string) string { return testid("nav-" + trialKey + "-" + view) }

const (
	control     = "\uE009"
	shift       = "\uE008"
	right, down = "\uE014", "\uE015"
	escape      = "\uE00C"
	leftButton  = 0
	rightButton = 2
)

var pluginFrame = testid("plugin-frame")

func TestAViewUsesTheSDK(t *testing.T) {
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
	d.click(testid("node-C0") + " .twisty")
	d.click(testid("node-C0"))
	d.screenshot("summary")
	d.click(testid("tab-monitor"))
	d.find(nav("cl.dyn"))
	if n := d.count(nav("cl.hidden")); n != 0 {
		t.Error("a view that the plug-in hides is shown")
	}
	d.click(nav("cl.mon"))
	d.frame(pluginFrame)
	for _, id := range []string{"#again", "#backend", "#session"} {
		d.find(id)
	}
	d.shows("#context", `[{"id":"`+l.urn("/DC0/host/C0")+`"}]`)
	d.shows("#theme", `{"name":"light"}`)
	d.shows("#locale", "en-US")
	d.shows("#date", "01/01/1970")
	var before struct {
		App         any
		Initialized bool
		Origin      string
	}
	if err := json.Unmarshal([]byte(d.text("#before")), &before); err != nil || before.App != nil || before.Initialized || !strings.Contains(before.Origin, "/plugins/"+trialKey+"~1.0.0~") {
		t.Errorf("before the initialisation it is %+v, %v", before, err)
	}
	var backend struct {
		BackendServersPerVcObject map[string][]struct{ ProxiedURL string }
	}
	if err := json.Unmarshal([]byte(d.text("#backend")), &backend); err != nil || len(backend.BackendServersPerVcObject) != 1 {
		t.Errorf("the backend is %+v, %v", backend, err)
	}
	var cookies string
	if d.run("return document.cookie", &cookies); cookies != "" {
		t.Errorf("a plug-in can read the cookies %q", cookies)
	}
	d.frame("")
	d.screenshot("monitor")

	d.choose("theme", "dark")
	d.choose("dateFormat", "iso")
	d.frame(pluginFrame)
	d.shows("#out", "date 1970-01-01")
	d.shows("#theme", `{"name":"light"}`) // the frame was told, not loaded again
	d.frame("")
	d.screenshot("monitor-dark")
	d.click(testid("refresh"))
	d.frame(pluginFrame)
	d.shows("#out", "refreshed")
	d.click("#confirm")
	d.frame("")
	d.find(testid("confirmation"))
	d.screenshot("confirmation-dark")
	d.click(testid("confirmation-button-1"))
	d.frame(pluginFrame)
	d.shows("#out", "deleted")
	d.click("#open")
	d.frame("")
	d.shows(testid("modal-title"), "A dialog")
	d.frame(testid("modal") + " iframe")
	d.shows("#custom", `{"at":"1970-01-01T00:00:00.000Z"}`)
	d.shows("#context", `[{"id":"chosen"}]`)
	d.frame("")
	d.screenshot("modal-dark")
	d.frame(testid("modal") + " iframe")
	d.click("#close")
	d.frame("")
	d.frame("main " + pluginFrame)
	d.shows("#out", `closed {"answer":42}`)
	d.click("#open")
	d.frame("")
	d.click(testid("modal-close"))
	d.frame("main " + pluginFrame)
	d.shows("#out", "closed undefined")
	d.click("#go")
	d.frame("")
	d.find(nav("cl.conf") + "[aria-current]")
	d.frame(pluginFrame + `[src$="#/conf"]`)
	d.shows("#navigation", `{"from":"usage"}`)
	d.shows("#route", "#/conf")
	d.frame("")
	d.clean()
}

func TestMenusOfOneAndOfManyVMs(t *testing.T) {
	for version, stop := range map[string]string{"8.0.2": "", "8.0.3": "true"} {
		t.Run(version, func(t *testing.T) {
			d := newDriver(t)
			l := start(t, "onprem", `"version": "`+version+`",`+twoVMs, "")
			p := newTrial(t)
			l.deploy(p)
			d.enter(l)
			d.open(l.ClientURL + "#/object/" + l.urn("/DC0/vm/Prod/web-01") + "/summary")
			d.find(testid("node-web-01"))
			d.click(testid("tree-tab-vms"))
			d.find(testid("tree-vms") + " [aria-selected=true] " + testid("node-web-01"))
			vms := testid("tree-vms") + " "
			d.pointer(vms+testid("node-web-02"), leftButton, control)
			d.pointer(vms+testid("node-web-01"), rightButton)
			d.shows(testid("actions-menu")+" .menu-heading", "Actions - 2 Objects")
			d.pointer(testid("menu-"+trialKey), leftButton)
			d.find(testid("action-run"))
			d.screenshot("menu-" + version)
			var stopped string
			d.run("return document.querySelector(arguments[0])?.getAttribute('aria-disabled') ?? ''", &stopped, testid("action-stop"))
			if stopped != stop {
				t.Errorf("an action that is not visible is disabled: %q, want %q", stopped, stop)
			}
			if n := d.count(testid("action-gone")); n != 0 {
				t.Error("an action that is not relevant is shown")
			}
			var single string
			d.run("return document.querySelector(arguments[0]).getAttribute('aria-disabled')", &single, testid("action-single"))
			if single != "true" {
				t.Error("an action for one object is offered for two")
			}
			d.click(testid("action-run"))
			d.shows(testid("modal-title"), "Run")
			d.frame(testid("modal") + " iframe")
			want := []string{l.urn("/DC0/vm/Prod/web-01"), l.urn("/DC0/vm/Prod/web-02")}
			d.shows("#context", fmt.Sprintf(`[{"id":%q},{"id":%q}]`, want[0], want[1]))
			d.frame("")
			d.screenshot("modal-" + version)
			d.keys(escape)
			asked := p.asked()
			q := asked[len(asked)-1]
			if q.Path != "/app/dyn/menu" || q.Body.APIVersion != "1.0.0" || q.Body.Locale != "en-US" || !slices.Equal(q.Body.ObjectIDs, want) {
				t.Errorf("the dynamic query is %+v", q)
			}
			if status := l.ticket(q.Header.Get("Vmware-Api-Session-Id"), l.InstanceUUID, nil); status != http.StatusOK {
				t.Errorf("the token of the dynamic query gets a ticket with status %d", status)
			}
			d.clean()
		})
	}
}

func TestPagesOpenByTheirAddress(t *testing.T) {
	d := newDriver(t)
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	l.deploy(p)
	broken := p.extension("com.example.broken", "2.0.0")
	broken.Server[0].ServerThumbprint = "00" + p.thumbprint[2:]
	l.register(broken)
	cluster := l.urn("/DC0/host/C0")
	d.open(l.ClientURL + "#/object/" + cluster + "/configure/" + trialKey + "/cl.conf")
	d.find(testid("login"))
	d.write(testid("login-user"), l.User)
	d.write(testid("login-password"), "wrong")
	d.click(testid("login-submit"))
	d.shows(testid("login-error"), "The user name or the password is wrong.")
	d.problems() // the browser notes the status of the refusal
	d.run("document.querySelector(arguments[0]).value = ''", nil, testid("login-password"))
	d.write(testid("login-password"), password)
	d.click(testid("login-submit"))
	d.frame(pluginFrame)
	d.shows("#route", "#/conf")
	d.frame("")

	d.open(l.ClientURL + "#/administration/plugins")
	d.find(testid("plugin-"+trialKey) + "[data-state=deployed]")
	d.find(testid("plugin-com.example.broken") + "[data-state=failed]")
	if text := d.text(testid("plugin-error")); !strings.Contains(text, "registered is 00:") {
		t.Errorf("the page says %q", text)
	}
	d.screenshot("plugins")

	d.click(testid("main-menu"))
	d.click(testid("menu-global-" + trialKey))
	d.frame(pluginFrame + `[src$="#/all"]`)
	d.shows("#route", "#/all")
	d.shows("#context", "[]")
	d.frame("")
	d.screenshot("global")

	d.choose("locale", "de-DE")
	d.shows(".object-header h1", "Probe") // drawn anew, with its frame
	d.frame(pluginFrame)
	d.shows("#locale", "de-DE")
	d.frame("")
	d.choose("locale", "xx-XX")
	d.shows(".object-header h1", "⟦Trial⟧")
	d.choose("locale", "en-US")

	l.admin(http.MethodPut, "/client/faults", `{"session_info_null": true, "backend_info_null": true}`, nil)
	d.open(l.ClientURL + "#/object/" + cluster + "/monitor/" + trialKey + "/cl.mon")
	d.frame(pluginFrame + `[src$="#/mon"]`)
	d.shows("#session", "null")
	d.shows("#backend", "null")
	d.frame("")
	d.open(l.ClientURL + "#/object/" + cluster + "/vms")
	d.pointer(testid("vm-db-01")+" td:nth-child(2)", leftButton)
	d.pointer(testid("vm-web-01")+" td:nth-child(2)", leftButton, shift)
	if n := d.count(testid("vm-table") + " [aria-selected=true]"); n != 2 {
		t.Errorf("%d VMs are chosen", n)
	}
	d.screenshot("vms")
	d.clean()
	l.admin(http.MethodDelete, "/client/sessions", "", nil)
	d.find(testid("login"))
	d.shows(testid("login-error"), "You are not logged in, or your session has ended.")
}

func TestEventsAreFoundByTheirTypeAndTasksAreShown(t *testing.T) {
	d := newDriver(t)
	l := start(t, "onprem", twoVMs, "")
	client := l.administrator()
	cluster := l.urn("/DC0/host/C0")
	ref := types.ManagedObjectReference{Type: "ClusterComputeResource", Value: strings.Split(cluster, ":")[3]}
	for _, severity := range []string{"info", "error"} {
		err := event.NewManager(client.Client).PostEvent(l.ctx(), &types.EventEx{EventTypeId: "com.example.trial.Repair", Severity: severity, Message: "Repaired: " + severity,
			Event: types.Event{FullFormattedMessage: "Repaired: " + severity, ComputeResource: &types.ComputeResourceEventArgument{EntityEventArgument: types.EntityEventArgument{Name: "C0"}, ComputeResource: ref}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.enter(l)
	d.open(l.ClientURL + "#/object/" + cluster + "/monitor/builtin/events")
	d.find(testid("event"))
	d.write(testid("event-filter"), "com.example")
	d.until("two events are left", func() bool { return d.count(testid("event")) == 2 })
	d.click(testid("event") + "[data-severity=error]")
	if text := d.text(testid("event-details")); !strings.Contains(text, "com.example.trial.Repair") || !strings.Contains(text, "Repaired: error") {
		t.Errorf("the details are %q", text)
	}
	d.screenshot("events")
	d.open(l.ClientURL + "#/object/" + l.urn("/DC0/vm/Prod/web-01") + "/summary")
	d.click(testid("actions-button"))
	d.click(testid("menu-power"))
	d.click(testid("power-on"))
	d.until("the task of the power-on is shown", func() bool {
		return strings.Contains(d.text(testid("recent-tasks")), "web-01")
	})
	d.until("the tree shows that the VM is on", func() bool { return d.count(testid("node-web-01")+" .is-on") > 0 })
	if n := d.count(testid("tree-hosts") + " " + testid("node-C0")); n != 1 {
		t.Errorf("read again, the tree has the cluster %d times", n)
	}
	d.screenshot("summary-vm")
	d.clean()
}

func TestTheTreeIsUsedByKeys(t *testing.T) {
	d := newDriver(t)
	l := start(t, "onprem", twoVMs, "")
	d.enter(l)
	d.run("document.querySelector(arguments[0]).focus()", nil, testid("tree-hosts")+" [tabindex='0']")
	focused := func() (name string) {
		d.run("return document.activeElement.querySelector('.tree-name')?.textContent", &name)
		return name
	}
	d.keys(down)
	d.until("the datacenter has the focus", func() bool { return focused() == "DC0" })
	d.keys(right)
	d.find(testid("node-C0"))
	d.keys(right)
	d.until("the cluster has the focus", func() bool { return focused() == "C0" })
	d.keys(" ")
	d.keys("\uE007") // Enter
	d.shows(testid("object-name"), "C0")
	d.keys(down)
	d.clean()
}

func TestTheGlobalViewHasASelectorOfInstances(t *testing.T) {
	d := newDriver(t)
	onprem := start(t, "onprem", twoVMs, "")
	cloud := start(t, "cloud", `"inventory": {"vms": [{"name": "cloud-01"}]},`, "")
	onprem.admin(http.MethodPut, "/client/linked", fmt.Sprintf(`[{"name": "cloud", "url": %q, "sha256": %q}]`, cloud.URL, cloud.SHA256), nil)
	first, second := newTrial(t), newTrial(t)
	onprem.register(first.extension(trialKey, "1.0.0"))
	cloud.register(second.extension(trialKey, "1.1.0"))
	onprem.checked(trialKey)
	d.enter(onprem)
	d.until("both vCenters are in the tree", func() bool { return d.count(testid("tree-hosts")+" > li") == 2 })
	d.open(onprem.ClientURL + "#/plugin/" + trialKey + "/all")
	d.find(testid("instance-selector"))
	d.screenshot("instances")
	d.frame(pluginFrame)
	d.find("#before")
	before := d.text("#before")
	d.frame("")
	d.run("const s = document.querySelector(arguments[0]); s.selectedIndex = 1; s.dispatchEvent(new Event('change'))", nil, testid("instance-selector"))
	d.frame(pluginFrame + `[src*="~1.1.0~"]`)
	if after := d.text("#before"); after == before || !strings.Contains(after, "1.1.0") {
		t.Errorf("the other instance says %q", after)
	}
	d.frame("")
	d.clean()
}
