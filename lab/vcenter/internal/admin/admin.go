package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/faults"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
	"hdm.dev/lab/vcenter/internal/link"
)

// maxBody is the largest request.
const maxBody = 1 << 20

// API is the admin API of a site.
type API struct {
	site   hook.Site
	faults *faults.Faults
	link   *link.Link
	own    func() *simulator.Context
	// mounted are parts of the API that other packages serve.
	mounted map[string]http.Handler
}

// New returns the API. link is what the site is reached over, or nil; own makes
// a context that shares no locks.
func New(site hook.Site, f *faults.Faults, link *link.Link, own func() *simulator.Context) *API {
	return &API{site: site, faults: f, link: link, own: own, mounted: make(map[string]http.Handler)}
}

// Mount adds what another package serves, for those who know the token.
func (a *API) Mount(pattern string, handler http.Handler) { a.mounted[pattern] = handler }

func (a *API) context() *simulator.Context { return a.own() }

// Handler serves it to those who know the token.
func (a *API) Handler(token string) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answer(w, r, do) })
	}
	handle("GET /health", func(*http.Request) (any, error) { return map[string]bool{"running": a.site.Running()}, nil })
	handle("GET /dump", func(r *http.Request) (any, error) { return a.dump(r.URL.Query().Get("disks") == "1") })
	handle("GET /calls", func(*http.Request) (any, error) { return map[string]any{"calls": a.faults.Calls()}, nil })
	handle("DELETE /calls", func(*http.Request) (any, error) { a.faults.ClearCalls(); return ok, nil })
	handle("POST /faults", a.arm)
	handle("GET /faults", func(*http.Request) (any, error) { return a.faults.Rules(), nil })
	handle("DELETE /faults", func(*http.Request) (any, error) { a.faults.Disarm(""); return ok, nil })
	handle("DELETE /faults/{id}", func(r *http.Request) (any, error) {
		if !a.faults.Disarm(r.PathValue("id")) {
			return nil, fmt.Errorf("there is no fault %q", r.PathValue("id"))
		}
		return ok, nil
	})
	handle("POST /datastores/{name}/free", a.setFree)
	handle("GET /transfers", func(*http.Request) (any, error) { return a.site.Leases().Transfers(), nil })
	handle("POST /password", a.setPassword)
	handle("POST /certificate/renew", func(*http.Request) (any, error) {
		thumbprint, err := a.site.RenewCertificate()
		return map[string]string{"sha256": thumbprint}, err
	})
	handle("POST /sessions/expire", func(*http.Request) (any, error) { a.site.ExpireSessions(); return ok, nil })
	handle("GET /users", func(*http.Request) (any, error) { return a.site.Users(), nil })
	handle("POST /users", a.user)
	handle("PUT /permissions", a.setPermission)
	handle("POST /tasks/forget", func(*http.Request) (any, error) { a.site.ForgetTasks(); return ok, nil })
	handle("POST /tasks/{id}/cancel", func(r *http.Request) (any, error) {
		task := types.ManagedObjectReference{Type: "Task", Value: r.PathValue("id")}
		return ok, object.NewTask(a.site.Client(), task).Cancel(r.Context())
	})
	handle("POST /stop", a.stop)
	handle("POST /vms/{name}/act", a.act)
	handle("POST /vms/{name}/exec", a.exec)
	if a.link != nil {
		mux.Handle("/link", a.link.Handler())
	}
	for pattern, handler := range a.mounted {
		mux.Handle(pattern, handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			http.Error(w, `{"error":"The bearer token is missing or wrong."}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

var ok = map[string]bool{"ok": true}

func answer(w http.ResponseWriter, r *http.Request, do func(r *http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	result, err := do(r)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		result = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(result)
}

// read decodes a request; an unknown key is most likely a misspelt one.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (a *API) arm(r *http.Request) (any, error) {
	var rule faults.Rule
	if err := read(r, &rule); err != nil {
		return nil, err
	}
	id, err := a.faults.Arm(rule)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}

// user locks, frees or removes an account.
func (a *API) user(r *http.Request) (any, error) {
	var body struct {
		Name string `json:"name"`
		Do   string `json:"do"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	ended, err := a.site.ChangeUser(body.Name, body.Do)
	if err != nil {
		return nil, err
	}
	return map[string]int{"sessions_ended": ended}, nil
}

// setPermission gives or takes away what an administrator of the vCenter does.
func (a *API) setPermission(r *http.Request) (any, error) {
	var permission config.Permission
	if err := read(r, &permission); err != nil {
		return nil, err
	}
	return ok, a.site.SetPermission(permission)
}

func (a *API) setFree(r *http.Request) (any, error) {
	var body struct {
		FreeBytes int64 `json:"free_bytes"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if err := a.site.Disks().SetFree(r.PathValue("name"), body.FreeBytes); err != nil {
		return nil, err
	}
	a.site.RefreshDatastores()
	return ok, nil
}

func (a *API) setPassword(r *http.Request) (any, error) {
	var body struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.Password == "" {
		return nil, errors.New("the new password is missing")
	}
	return ok, a.site.SetPassword(body.User, body.Password)
}

func (a *API) stop(r *http.Request) (any, error) {
	var body faults.Stop
	if err := read(r, &body); err != nil {
		return nil, err
	}
	a.faults.Stop(body)
	return ok, nil
}

// find returns the VM of a name, or of an id.
func (a *API) find(name string) (*simulator.VirtualMachine, error) {
	ctx := a.context()
	var found *simulator.VirtualMachine
	for _, entity := range ctx.Map.All("VirtualMachine") {
		vm, is := entity.(*simulator.VirtualMachine)
		if !is || inventory.Unescape(vm.Name) != name && vm.Self.Value != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("there are several VMs %q; use an id", name)
		}
		found = vm
	}
	if found == nil {
		return nil, fmt.Errorf("there is no VM %q", name)
	}
	return found, nil
}

// someoneElses is the name of a snapshot that another user takes.
const someoneElses = "taken by somebody else"

// act does what another user of the vCenter might.
func (a *API) act(r *http.Request) (any, error) {
	var body struct {
		Do string `json:"do"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	found, err := a.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	vm := object.NewVirtualMachine(a.site.Client(), found.Self)
	var task *object.Task
	switch body.Do {
	case "power_on":
		task, err = vm.PowerOn(ctx)
	case "power_off":
		task, err = vm.PowerOff(ctx)
	case "destroy":
		task, err = vm.Destroy(ctx)
	case "reconfigure":
		task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "changed by somebody else at " + time.Now().Format(time.RFC3339Nano)})
	case "snapshot":
		task, err = vm.CreateSnapshot(ctx, someoneElses, "", false, false)
	case "remove_snapshot":
		task, err = vm.RemoveSnapshot(ctx, someoneElses, false, nil)
	case "answer":
		var id string
		sc := a.context()
		sc.WithLock(found, func() {
			if found.Runtime.Question != nil {
				id = found.Runtime.Question.Id
			}
		})
		return ok, vm.Answer(ctx, id, "1")
	default:
		return nil, fmt.Errorf("%q is nothing that can be done to a VM", body.Do)
	}
	if err != nil {
		return nil, err
	}
	return ok, task.Wait(ctx)
}

// exec runs a command in a guest.
func (a *API) exec(r *http.Request) (any, error) {
	var body struct {
		Command   string `json:"command"`
		TimeoutMS int    `json:"timeout_ms"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	vm, err := a.find(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	if a.site.Guests() == nil {
		return nil, errors.New("this site runs no guests")
	}
	timeout := time.Duration(body.TimeoutMS) * time.Millisecond
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	code, stdout, err := a.site.Guests().Exec(vm.Self, body.Command, timeout)
	if err != nil {
		return nil, err
	}
	return map[string]any{"code": code, "stdout": stdout}, nil
}
