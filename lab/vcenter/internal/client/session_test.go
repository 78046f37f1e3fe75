package client_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// users lists whom the vCenter's session table has.
func (l *lab) users() []string {
	var dump struct {
		Sessions []struct {
			User      string `json:"user"`
			UserAgent string `json:"user_agent"`
		}
	}
	l.admin(http.MethodGet, "/dump", "", &dump)
	var users []string
	for _, s := range dump.Sessions {
		if s.UserAgent == "lab-vsphere-client" {
			users = append(users, s.User)
		}
	}
	return users
}

func (l *lab) ticket(token, guid string, into any) int {
	l.t.Helper()
	return call(l.t, web(l.t), http.MethodPost, l.origin()+"/api/ui/vcenter/session/clone-ticket", fmt.Sprintf(`{"vc_guid": %q}`, guid),
		map[string]string{"vmware-api-session-id": token}, into)
}

func (l *lab) mustTicket(token, guid string) string {
	l.t.Helper()
	var answer struct {
		Ticket string `json:"session_clone_ticket"`
	}
	if status := l.ticket(token, guid, &answer); status != http.StatusOK || answer.Ticket == "" {
		l.t.Fatalf("the ticket for %s has status %d", guid, status)
	}
	return answer.Ticket
}

// clone redeems a ticket on a fresh connection.
func (l *lab) clone(ticket string) (*govmomi.Client, error) {
	client := l.soap()
	_, err := methods.CloneSession(l.ctx(), client.Client, &types.CloneSession{This: *client.ServiceContent.SessionManager, CloneTicket: ticket})
	return client, err
}

func TestALoginIsAVSphereSessionUntilTheLogout(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	browser := web(t)
	var nobody any = "somebody"
	if l.api(browser, "session", &nobody); nobody != nil {
		t.Errorf("without a login the session is %v", nobody)
	}
	if status := l.api(browser, "tasks", nil); status != http.StatusUnauthorized {
		t.Errorf("without a login the tasks have status %d", status)
	}
	wrong := fmt.Sprintf(`{"user": %q, "password": "wrong"}`, l.User)
	if status := call(t, browser, http.MethodPost, l.ClientURL+"api/login", wrong, nil, nil); status != http.StatusUnauthorized {
		t.Errorf("a wrong password has status %d", status)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	if status := call(t, browser, http.MethodPost, l.ClientURL+"api/login", "user=a", form, nil); status != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another site has status %d", status)
	}
	token := l.login(browser)
	if users := l.users(); !slices.Equal(users, []string{l.User}) {
		t.Errorf("the session table has %v", users)
	}
	base, _ := url.Parse(l.origin())
	if cookies := browser.Jar.Cookies(base); len(cookies) != 1 || strings.Contains(cookies[0].Value, token) {
		t.Errorf("the cookies are %v: one, which does not tell the token", cookies)
	}
	ticket := l.mustTicket(token, l.InstanceUUID)
	if status := call(t, browser, http.MethodPost, l.ClientURL+"api/logout", "{}", nil, nil); status != http.StatusOK {
		t.Errorf("the logout has status %d", status)
	}
	if users := l.users(); len(users) != 0 {
		t.Errorf("after the logout the session table has %v", users)
	}
	if status := l.ticket(token, l.InstanceUUID, nil); status != http.StatusUnauthorized {
		t.Errorf("a token that was logged out gets a ticket with status %d", status)
	}
	if _, err := l.clone(ticket); err == nil {
		t.Error("a ticket outlives its session")
	}
}

func TestCloneTickets(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	browser := web(t)
	token := l.login(browser)
	for name, status := range map[string]int{
		"a bad token":     l.ticket("bad", l.InstanceUUID, nil),
		"no token":        l.ticket("", l.InstanceUUID, nil),
		"an unknown guid": l.ticket(token, "11111111-2222-3333-4444-555555555555", nil),
	} {
		if want := map[bool]int{true: http.StatusNotFound, false: http.StatusUnauthorized}[name == "an unknown guid"]; status != want {
			t.Errorf("%s has status %d, want %d", name, status, want)
		}
	}
	ticket := l.mustTicket(token, l.InstanceUUID)
	client, err := l.clone(ticket)
	if err != nil {
		t.Fatal(err)
	}
	user, err := client.SessionManager.UserSession(l.ctx())
	if err != nil || user.UserName != l.User {
		t.Errorf("the cloned session is %+v, %v", user, err)
	}
	if _, err := l.clone(ticket); err == nil {
		t.Error("a ticket works twice")
	}
	if _, err := l.clone("nonsense"); err == nil || !strings.Contains(err.Error(), "clone ticket") {
		t.Errorf("nonsense as a ticket: %v", err)
	}
	dropped := l.mustTicket(token, l.InstanceUUID)
	l.admin(http.MethodDelete, "/client/tickets", "", nil)
	if _, err := l.clone(dropped); err == nil {
		t.Error("a dropped ticket works")
	}
	// Ending the vSphere session ends the token, whatever the browser still holds.
	l.admin(http.MethodPost, "/sessions/expire", "", nil)
	if status := l.ticket(token, l.InstanceUUID, nil); status != http.StatusUnauthorized {
		t.Errorf("the token of an ended session has status %d", status)
	}
	if status := l.api(browser, "tasks", nil); status != http.StatusUnauthorized {
		t.Errorf("the browser's session has status %d", status)
	}
}

func TestFaultsOnDemand(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	browser := web(t)
	l.login(browser)
	l.admin(http.MethodPut, "/client/faults", `{"session_info_null": true, "backend_info_null": true}`, nil)
	var info any = "something"
	if status := l.api(browser, "session-info", &info); status != http.StatusOK || info != nil {
		t.Errorf("the session info is %v, status %d", info, status)
	}
	var backend struct{ Available bool }
	if l.api(browser, "backend-info", &backend); backend.Available {
		t.Error("the backend info is there")
	}
	l.admin(http.MethodPut, "/client/faults", `{}`, nil)
	if l.api(browser, "session-info", &info); info == nil {
		t.Error("the session info stays away")
	}
	l.admin(http.MethodDelete, "/client/sessions/"+url.PathEscape(l.User), "", nil)
	if status := l.api(browser, "tasks", nil); status != http.StatusUnauthorized {
		t.Errorf("the ended session has status %d", status)
	}
	if users := l.users(); len(users) != 0 {
		t.Errorf("the session table has %v", users)
	}
}

func TestOneLoginShowsLinkedVCenters(t *testing.T) {
	onprem := start(t, "onprem", twoVMs, "")
	cloud := start(t, "cloud", `"inventory": {"vms": [{"name": "cloud-01"}]},`, "")
	onprem.admin(http.MethodPut, "/client/linked", fmt.Sprintf(`[{"name": "cloud", "url": %q, "sha256": %q}]`, cloud.URL, cloud.SHA256), nil)
	browser := web(t)
	token := onprem.login(browser)
	var session struct {
		VCenters []struct{ GUID, Name, Root, Error string }
	}
	onprem.api(browser, "session", &session)
	if len(session.VCenters) != 2 || session.VCenters[1].GUID != cloud.InstanceUUID || session.VCenters[1].Error != "" {
		t.Fatalf("the vCenters are %+v", session.VCenters)
	}
	var vms struct{ Nodes []struct{ Name string } }
	onprem.api(browser, "vms?of="+session.VCenters[1].Root, &vms)
	if len(vms.Nodes) != 1 || vms.Nodes[0].Name != "cloud-01" {
		t.Errorf("the cloud's VMs are %+v", vms)
	}
	ticket := onprem.mustTicket(token, cloud.InstanceUUID)
	if _, err := onprem.clone(ticket); err == nil {
		t.Error("a ticket works at a vCenter that did not give it")
	}
	ticket = onprem.mustTicket(token, cloud.InstanceUUID)
	if _, err := cloud.clone(ticket); err != nil {
		t.Errorf("a ticket for the cloud does not work there: %v", err)
	}
	if status := cloud.ticket(token, cloud.InstanceUUID, nil); status != http.StatusUnauthorized {
		t.Errorf("the token means something to another client: status %d", status)
	}

	// One registration with the same URL at both is one instance; another URL is another.
	p, other := newTrial(t), newTrial(t)
	onprem.register(p.extension(trialKey, "1.0.0"))
	cloud.register(p.extension(trialKey, "1.0.0"))
	if found := onprem.checked(trialKey); len(found) != 1 || len(found[0].VCenters) != 2 {
		t.Errorf("one plug-in at two vCenters is %+v", found)
	}
	cloud.register(other.extension(trialKey, "1.1.0"))
	if found := onprem.checked(trialKey); len(found) != 2 || found[0].ID == found[1].ID {
		t.Errorf("two plug-ins at two vCenters are %+v", found)
	}

	// With a wrong thumbprint the cloud is there, but cannot be used.
	onprem.admin(http.MethodPut, "/client/linked", fmt.Sprintf(`[{"name": "cloud", "url": %q, "sha256": %q}]`, cloud.URL, onprem.SHA256), nil)
	again := web(t)
	onprem.login(again)
	onprem.api(again, "session", &session)
	if len(session.VCenters) != 2 || !strings.Contains(session.VCenters[1].Error, "thumbprint") {
		t.Errorf("the vCenters are %+v", session.VCenters)
	}
}
