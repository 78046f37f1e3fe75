package access_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
)

func refused(t *testing.T, err error, fault string) {
	t.Helper()
	if err == nil || !soap.IsSoapFault(err) {
		t.Errorf("%v, want %s", err, fault)
		return
	}
	if got := reflect.TypeOf(soap.ToSoapFault(err).VimFault()).Name(); got != fault {
		t.Errorf("%s (%v), want %s", got, err, fault)
	}
}

func TestPagesTellNothingOfWhatIsHidden(t *testing.T) {
	ctx, client, _ := login(t, "viewer@lab")
	spec := types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}, {Type: "Folder", PathSet: []string{"name", "overallStatus"}}},
		ObjectSet: []types.ObjectSpec{{Obj: client.ServiceContent.RootFolder, SelectSet: []types.BaseSelectionSpec{walkDown()}}}}
	res, err := methods.RetrievePropertiesEx(ctx, client, &types.RetrievePropertiesEx{This: client.ServiceContent.PropertyCollector,
		SpecSet: []types.PropertyFilterSpec{spec}, Options: types.RetrieveOptions{MaxObjects: 2}})
	if err != nil {
		t.Fatal(err)
	}
	objects, pages, token := res.Returnval.Objects, 1, res.Returnval.Token
	for token != "" {
		more, err := methods.ContinueRetrievePropertiesEx(ctx, client, &types.ContinueRetrievePropertiesEx{This: client.ServiceContent.PropertyCollector, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		if len(more.Returnval.Objects) == 0 {
			t.Error("an empty page")
		}
		objects, token = append(objects, more.Returnval.Objects...), more.Returnval.Token
		pages++
	}
	// The root folder, the datacenter's folder, Prod, Web and two VMs.
	if len(objects) != 6 || pages != 3 {
		t.Errorf("%d objects on %d pages", len(objects), pages)
	}
	for _, content := range objects {
		above := content.Obj == client.ServiceContent.RootFolder || content.PropSet[0].Val == "vm"
		if above != (len(content.MissingSet) == 1) {
			t.Errorf("%v: %v is told, %v is not", content.Obj, content.PropSet, content.MissingSet)
		}
	}
}

func TestAnExtensionsTaskIsItsStartersAndOnlyTold(t *testing.T) {
	ctx, boss, _ := login(t, root)
	web := at(t, "/DC0/vm/Prod/Web/web-01")
	create := func(by string) types.TaskInfo {
		res, err := methods.CreateTask(ctx, boss, &types.CreateTask{This: *boss.ServiceContent.TaskManager, Obj: web,
			TaskTypeId: "com.vmware.govmomi.simulator.test", InitiatedBy: by, Cancelable: true})
		if err != nil {
			t.Fatal(err)
		}
		return res.Returnval
	}
	info := create("operator@lab")
	if by := info.Reason.(*types.TaskReasonUser).UserName; by != "operator@lab" {
		t.Errorf("the task is %q's", by)
	}
	_, viewer, _ := login(t, "viewer@lab")
	// The viewer reads the VM and so its tasks, but may not cancel them.
	err := object.NewTask(viewer.Client, info.Task).Cancel(ctx)
	lacks(t, err, web, "Global.CancelTask")
	_, err = methods.UpdateProgress(ctx, viewer, &types.UpdateProgress{This: info.Task, PercentDone: 1})
	lacks(t, err, web, "Task.Update")
	_, operator, _ := login(t, "operator@lab")
	if err := object.NewTask(operator.Client, info.Task).Cancel(ctx); err != nil {
		t.Error("who started the task cannot cancel it:", err)
	}
	var task mo.Task
	if err := property.DefaultCollector(boss.Client).RetrieveOne(ctx, info.Task, []string{"info"}, &task); err != nil {
		t.Fatal(err)
	}
	if !task.Info.Cancelled || task.Info.State != types.TaskInfoStateQueued {
		t.Errorf("the cancelled task is %s, cancelled %v", task.Info.State, task.Info.Cancelled)
	}
}

func TestTheAdminAPILocksUsersOut(t *testing.T) {
	ctx, client, _ := login(t, "member@lab")
	var dump struct{ Sessions []struct{ User string } }
	admin(t, http.MethodGet, "/dump", "", &dump)
	found := 0
	for _, session := range dump.Sessions {
		if session.User == "member@lab" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the dump has %d sessions of the user", found)
	}
	var ended struct {
		Sessions int `json:"sessions_ended"`
	}
	admin(t, http.MethodPost, "/users", `{"name": "member@lab", "do": "lock"}`, &ended)
	if ended.Sessions != 1 {
		t.Errorf("%d sessions ended", ended.Sessions)
	}
	_, err := methods.GetCurrentTime(ctx, client)
	refused(t, err, "NotAuthenticated")
	if err := client.Login(ctx, url.UserPassword("member@lab", "m")); err == nil {
		t.Error("a locked user logs in")
	}
	admin(t, http.MethodPost, "/users", `{"name": "member@lab", "do": "unlock"}`, nil)
	if err := client.Login(ctx, url.UserPassword("member@lab", "m")); err != nil {
		t.Error("an unlocked user does not log in:", err)
	}
}

func TestTheAdminAPIChangesPermissions(t *testing.T) {
	ctx, client, _ := login(t, "mover@lab")
	sees := func() bool { return slices.Contains(names(ctx, t, client), "secret-01") }
	if sees() {
		t.Fatal("a VM of another folder is seen")
	}
	admin(t, http.MethodPut, "/permissions", `{"path": "/DC0/vm/Test", "principal": "mover@lab", "role": "ReadOnly", "propagate": true}`, nil)
	if !sees() {
		t.Error("what was given does not count")
	}
	admin(t, http.MethodPut, "/permissions", `{"path": "/DC0/vm/Test", "principal": "mover@lab"}`, nil)
	if sees() {
		t.Error("what was taken away counts")
	}
	for _, wrong := range []config.Permission{
		{Path: "/DC0/vm/Test", Principal: "mover@lab"}, // it is gone already
		{Path: "/DC0/vm/None", Principal: "mover@lab", Role: "ReadOnly"},
		{Path: "/DC0/vm/Test", Principal: "stranger@lab", Role: "ReadOnly"},
		{Path: "/DC0/vm/Test", Principal: "mover@lab", Role: "None"},
	} {
		if err := theSite.SetPermission(wrong); err == nil {
			t.Errorf("%+v is not refused", wrong)
		}
	}
}

func TestASessionIsOpenedForAUser(t *testing.T) {
	key, err := theSite.OpenSession("viewer@lab", "a web page")
	if err != nil {
		t.Fatal(err)
	}
	if user, ok := theSite.UserOf(key); !ok || user != "viewer@lab" {
		t.Errorf("the session is %q's", user)
	}
	if ended := theSite.EndSessions("viewer@lab"); ended != 1 {
		t.Errorf("%d sessions ended", ended)
	}
	for _, user := range []string{"nobody@lab", "stranger@lab"} {
		if _, err := theSite.OpenSession(user, ""); err == nil {
			t.Errorf("%s has a session", user)
		}
	}
}

func TestFilesAndRESTAreForThoseWhoMay(t *testing.T) {
	ctx := context.Background()
	base := strings.TrimSuffix(theSite.Ready().URL, "/sdk")
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	get := func(path, user string) int {
		req, _ := http.NewRequest(http.MethodGet, base+path, nil)
		if user != "" {
			req.SetBasicAuth(user, passwords[user])
		}
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if user != root && bytes.Contains(body, []byte("secret")) {
			t.Errorf("%s is told of what is hidden at %s", user, path)
		}
		return res.StatusCode
	}
	for user, want := range map[string]int{"": 401, "viewer@lab": 403, root: 200} {
		if got := get("/folder/?dcPath=DC0&dsName=ds0", user); got != want {
			t.Errorf("%q gets files with status %d, want %d", user, got, want)
		}
	}
	_, vim, _ := login(t, "viewer@lab")
	client := rest.NewClient(vim.Client)
	if err := client.Login(ctx, url.UserPassword("viewer@lab", "wrong")); err == nil {
		t.Error("a wrong password logs in")
	}
	if err := client.Login(ctx, url.UserPassword("viewer@lab", "view")); err != nil {
		t.Fatal(err)
	}
	tags := func(of types.ManagedObjectReference) error {
		body := map[string]any{"object_id": map[string]string{"type": of.Type, "id": of.Value}}
		return client.Do(ctx, client.Resource("/com/vmware/cis/tagging/tag-association").WithAction("list-attached-tags").Request(http.MethodPost, body), new([]string))
	}
	if err := tags(at(t, "/DC0/vm/Prod/Web/web-01")); err != nil {
		t.Error("the tags of one's own VM cannot be read:", err)
	}
	if err := tags(at(t, "/DC0/vm/Test/secret-01")); err == nil {
		t.Error("the tags of a VM that is hidden can be read")
	}
	if err := client.Do(ctx, client.Resource("/com/vmware/cis/tagging/category").Request(http.MethodPost, map[string]any{}), nil); err == nil {
		t.Error("somebody who may only read makes a category")
	}
}

// What pyVmomi is told, property by property, by three users.
const script = `
import sys
from pyVim.connect import SmartConnect, Disconnect
from pyVmomi import vim, vmodl, SoapAdapter
host, port, user, password = sys.argv[1:]
raw = []
deserialize = SoapAdapter.SoapResponseDeserializer.Deserialize
def keep(self, response, kind, names=None):
    data = response.read() if hasattr(response, "read") else response
    raw.append(data if isinstance(data, bytes) else data.encode())
    return deserialize(self, data, kind, names)
SoapAdapter.SoapResponseDeserializer.Deserialize = keep
si = SmartConnect(host=host, port=int(port), user=user, pwd=password, disableSslCertValidation=True)
content = si.RetrieveContent()
seen, known, denied = set(), set(), 0
left = [content.rootFolder]
while left:
    entity = left.pop()
    if entity._moId in known:
        continue
    known.add(entity._moId)
    for name in ("name", "overallStatus", "recentTask", "summary", "config", "runtime", "effectiveRole", "triggeredAlarmState",
                 "childEntity", "vmFolder", "hostFolder", "datastoreFolder", "networkFolder", "host", "resourcePool", "vm"):
        try:
            value = getattr(entity, name, None)
        except vim.fault.NoPermission:
            denied += 1
            continue
        if name == "name":
            seen.add(value)
        for below in value if isinstance(value, list) else [value]:
            if isinstance(below, vim.ManagedEntity):
                left.append(below)
view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
names = sorted(vm.name for vm in view.view)
events = content.eventManager.QueryEvents(vim.event.EventFilterSpec(maxCount=1000))
tasks = [task.info.entityName for task in content.taskManager.recentTask]
for path in ("DC0/vm/Test/secret-01", "DC0/host/C0", "DC0/vm/Prod/Web/web-01"):
    content.searchIndex.FindByInventoryPath(path)
web = content.searchIndex.FindByInventoryPath("DC0/vm/Prod/Web/web-01")
def attempt(what):
    try:
        what()
        return "yes"
    except vim.fault.NoPermission as e:
        return e.privilegeId
may = [attempt(lambda: web.CreateSnapshot_Task("py", "", False, False)),
       attempt(lambda: web.ReconfigVM_Task(vim.vm.ConfigSpec(annotation="x"))),
       attempt(lambda: content.sessionManager.sessionList)]
everything = b"".join(raw)
print(len([n for n in names if n.startswith("secret")]), "web-01" in names, sum(e.vm is not None and e.vm.name.startswith("secret") for e in events) > 0,
      everything.count(b"secret") > 0, denied > 0, "C0" in seen, *may)
Disconnect(si)
`

func TestPyVmomiWithThreeUsers(t *testing.T) {
	python := os.Getenv("HDM_PYTHON")
	if python == "" {
		t.Skip("HDM_PYTHON does not name a Python with pyVmomi; `cargo xtask test go` does")
	}
	u, err := url.Parse(theSite.Ready().URL)
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{
		// Hidden VMs seen, own VM seen, events about hidden VMs, hidden names in any answer, properties denied, cluster seen; then what may be done.
		root:           "23 True True True False True yes yes yes",
		"operator@lab": "21 True True True True True yes VirtualMachine.Config.Annotation Sessions.TerminateSession",
		"viewer@lab":   "0 True False False True False VirtualMachine.State.CreateSnapshot VirtualMachine.Config.Annotation Sessions.TerminateSession",
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		output, err := exec.CommandContext(ctx, python, "-c", script, u.Hostname(), u.Port(), user, passwords[user]).CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v: %s", user, err, output)
			continue
		}
		if got := strings.TrimSpace(string(output)); got != want {
			t.Errorf("%s: got %s, want %s", user, got, want)
		}
	}
}
