package faults

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/vmdk"
)

// ownAgent is how the user agent begins of those whose calls are counted.
const ownAgent = "HDM/"

// maxBody is the largest request that is looked into.
const maxBody = 16 << 20

// Faults holds the armed rules. It implements hook.Tasks and hook.NFC.
type Faults struct {
	site func() hook.Site
	book book
}

// New returns faults without a rule. The site is asked for late, because it is
// made after its faults.
func New(site func() hook.Site) *Faults { return &Faults{site: site} }

// Arm adds a rule and returns its id.
func (f *Faults) Arm(r Rule) (string, error) { return f.book.arm(r) }

// Rules lists the rules with their counts.
func (f *Faults) Rules() []Rule { return f.book.list() }

// Disarm removes a rule, or all for ""; false if there is none of that id.
func (f *Faults) Disarm(id string) bool { return f.book.disarm(id) }

// Call is how often HDM has called a method.
type Call struct {
	Method string `json:"method"`
	Count  int    `json:"count"`
	Writes bool   `json:"writes"`
}

// Calls lists the methods that HDM has called.
func (f *Faults) Calls() []Call {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	out := make([]Call, 0, len(f.book.calls))
	for method, count := range f.book.calls {
		out = append(out, Call{method, count, writes(method)})
	}
	slices.SortFunc(out, func(a, b Call) int { return strings.Compare(a.Method, b.Method) })
	return out
}

// ClearCalls forgets the counts.
func (f *Faults) ClearCalls() {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	f.book.calls = nil
}

// reads are the prefixes of methods that change nothing that outlives a session.
var reads = []string{"Retrieve", "Continue", "WaitForUpdates", "CheckForUpdates", "CancelWaitForUpdates", "Create" + "ContainerView",
	"CreateFilter", "CreatePropertyCollector", "CreateCollector", "CreateListView", "CreateInventoryView", "Destroy" + "Property",
	"DestroyView", "DestroyCollector", "ReadNext", "ReadPrevious", "Query", "Find", "Login", "Logout", "SessionIsActive", "CurrentTime",
	"HasPrivilege", "Pbm", "CreateImportSpec", "CreateDescriptor", "ParseDescriptor", "TerminateSession", "HttpNfcLeaseGetManifest",
	"HttpNfcLeaseSetManifestChecksumType", "ModifyListView", "AcquireCloneTicket", "CloneSession"}

func writes(method string) bool {
	return !slices.ContainsFunc(reads, func(prefix string) bool { return strings.HasPrefix(method, prefix) })
}

// Middleware stands before the SOAP endpoint.
func (f *Faults) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		method := methodOf(body)
		agent := r.UserAgent()
		if method != "" && strings.HasPrefix(agent, ownAgent) {
			f.book.count(method)
		}
		do := f.book.fire(func(rule *Rule) bool {
			return rule.On.Method != "" && rule.On.Method == method && rule.Do.Task == "" && matchesAgent(rule, agent)
		})
		if do == nil {
			next.ServeHTTP(w, r)
			return
		}
		f.perform(do, method, w, r, next)
	})
}

func (f *Faults) perform(do *Do, method string, w http.ResponseWriter, r *http.Request, next http.Handler) {
	do.wait()
	if do.KillPID != 0 && do.KillWhen != "after" {
		kill(do.KillPID)
	}
	if do.Stop != nil {
		f.stop(*do.Stop)
	}
	if do.ExpireSessions {
		f.site().ExpireSessions()
	}
	if do.HTTPStatus != 0 {
		http.Error(w, http.StatusText(do.HTTPStatus), do.HTTPStatus)
		return
	}
	if do.Fault != "" {
		answerFault(w, do)
		return
	}
	if do.Pretend {
		answer(w, http.StatusOK, fmt.Sprintf(`<%sResponse xmlns="urn:vim25"></%[1]sResponse>`, method))
		return
	}
	if !do.LoseAnswer {
		next.ServeHTTP(w, r)
		if do.KillPID != 0 && do.KillWhen == "after" {
			kill(do.KillPID)
		}
		return
	}
	next.ServeHTTP(&lost{header: make(http.Header)}, r)
	if do.KillPID != 0 && do.KillWhen == "after" {
		kill(do.KillPID)
	}
	panic(http.ErrAbortHandler)
}

// lost takes an answer that nobody hears.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header         { return l.header }
func (l *lost) Write(b []byte) (int, error) { return len(b), nil }
func (l *lost) WriteHeader(int)             {}

func kill(pid int) {
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(syscall.SIGKILL)
	}
	if err != nil {
		log.Printf("killing process %d: %v", pid, err)
	}
}

// stop stops the vCenter at once and starts it again after a while.
func (f *Faults) stop(s Stop) {
	site := f.site()
	go func() {
		site.Stop(s.LeaveHalfMade)
		time.Sleep(time.Duration(s.DownMS) * time.Millisecond)
		// Somebody may have taken one of its ports meanwhile, and will let go of it.
		for range 300 {
			err := site.Start()
			if err == nil {
				return
			}
			log.Printf("starting again: %v", err)
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// Stop is what the admin API asks for.
func (f *Faults) Stop(s Stop) { f.stop(s) }

// methodOf reads the name of the first element in the body of an envelope.
func methodOf(body []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	inside := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok {
			if inside {
				return start.Name.Local
			}
			inside = start.Name.Local == "Body"
		}
	}
}

func answerFault(w http.ResponseWriter, do *Do) {
	message := do.Message
	if message == "" {
		message = "The lab makes this call fail."
	}
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(message))
	answer(w, http.StatusInternalServerError, fmt.Sprintf(`<soapenv:Fault><faultcode>ServerFaultCode</faultcode>`+
		`<faultstring>%s</faultstring><detail><%sFault xmlns="urn:vim25" xsi:type="%[2]s"></%[2]sFault></detail>`+
		`</soapenv:Fault>`, escaped.String(), do.Fault))
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" `+
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`, body)
}

// Outcome implements hook.Tasks.
func (f *Faults) Outcome(ctx *simulator.Context, method string, _ types.ManagedObjectReference, _ types.AnyType) *hook.TaskOutcome {
	agent := ""
	if ctx.Session != nil {
		agent = ctx.Session.UserAgent
	}
	do := f.book.fire(func(rule *Rule) bool {
		return rule.On.Method == method && rule.Do.Task != "" && matchesAgent(rule, agent)
	})
	if do == nil {
		return nil
	}
	switch do.Task {
	case "hang":
		return &hook.TaskOutcome{Kind: hook.TaskHangs}
	case "late":
		return &hook.TaskOutcome{Kind: hook.TaskEndsLate, Delay: do.delay()}
	case "ask":
		return &hook.TaskOutcome{Kind: hook.TaskAsks, Message: do.Message}
	}
	name := do.TaskFault
	if name == "" {
		name = "SystemError"
	}
	fault, err := makeFault(name)
	if err != nil {
		fault = &types.SystemError{Reason: name}
	}
	return &hook.TaskOutcome{Kind: hook.TaskFails, Fault: fault, Message: do.Message}
}

// Stream implements hook.NFC.
func (f *Faults) Stream(stream hook.NFCStream) *hook.NFCFault {
	after := int64(0)
	do, fired := f.book.load(func(rule *Rule) bool {
		matches := rule.On.NFC == stream.Kind && (rule.On.Disk == nil || *rule.On.Disk == stream.Disk) &&
			rule.On.File == (stream.Disk < 0)
		if matches {
			after = rule.On.AfterBytes
		}
		return matches
	})
	if do == nil {
		return nil
	}
	bit := vmdk.LowestFlip
	if do.FlipBit != nil {
		bit = *do.FlipBit
	}
	killsAfter := do.KillPID != 0 && do.KillWhen == "after"
	return &hook.NFCFault{
		AfterBytes: after, HTTPStatus: do.HTTPStatus, FlipLBA: do.FlipLBA, FlipBit: bit, Truncate: do.Truncate, Cut: do.Cut,
		Stall: time.Duration(do.StallMS) * time.Millisecond, Resume: do.gone, LoseAnswer: do.LoseAnswer,
		Lost: func() {
			fired()
			if killsAfter {
				kill(do.KillPID)
			}
		},
		Act: func() {
			if !do.LoseAnswer {
				fired()
			}
			if do.KillPID != 0 && !killsAfter {
				kill(do.KillPID)
			}
			if do.ExpireSessions {
				f.site().ExpireSessions()
			}
			if do.Stop != nil {
				f.stop(*do.Stop)
			}
		},
	}
}
