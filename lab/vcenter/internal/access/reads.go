package access

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/auth"
	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
)

// registerReads filters what the property collector tells. Waiting for updates
// is the affair of package collector, which asks for Visible and Cut.
func (a *Access) registerReads(table hook.Dispatcher) {
	for method, wrap := range map[string]hook.Wrap{
		"RetrievePropertiesEx": a.retrieveEx, "RetrieveProperties": a.retrieve,
		"ContinueRetrievePropertiesEx": a.continueRetrieve, "Fetch": a.fetch,
	} {
		table.Around("PropertyCollector", method, wrap)
		table.Unlocked("PropertyCollector", method)
	}
}

func (a *Access) retrieveEx(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		req, ok := request.(*types.RetrievePropertiesEx)
		if !ok || a.All(ctx) {
			return next(ctx, this, request)
		}
		// Pages are made of what is left, so that their number tells nothing.
		atOnce := int(req.Options.MaxObjects)
		req.Options.MaxObjects = 0
		body, ok := next(ctx, this, req).(*methods.RetrievePropertiesExBody)
		if !ok || body.Res == nil || body.Res.Returnval == nil {
			return body
		}
		objects := a.cut(ctx, body.Res.Returnval.Objects, named(req.SpecSet))
		body.Res.Returnval = a.pages.first(ctx.Session.Key, objects, atOnce)
		return body
	}
}

func (a *Access) retrieve(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		res := next(ctx, this, request)
		req, ok := request.(*types.RetrieveProperties)
		body, is := res.(*methods.RetrievePropertiesBody)
		if ok && is && body.Res != nil && !a.All(ctx) {
			body.Res.Returnval = a.cut(ctx, body.Res.Returnval, named(req.SpecSet))
		}
		return res
	}
}

func (a *Access) continueRetrieve(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		req, ok := request.(*types.ContinueRetrievePropertiesEx)
		if !ok {
			return next(ctx, this, request)
		}
		page := a.pages.next(ctx.Session.Key, req.Token)
		switch {
		case page != nil:
			// Rights may have gone since the first page.
			page.Objects = a.cut(ctx, page.Objects, nil)
			return &methods.ContinueRetrievePropertiesExBody{Res: &types.ContinueRetrievePropertiesExResponse{Returnval: *page}}
		case a.All(ctx):
			return next(ctx, this, request)
		}
		return dispatch.Fault("There is no such page.", &types.InvalidArgument{InvalidProperty: "token"})
	}
}

// fetch is a method that is in no published API and that pyVmomi reads every
// property with: one property of one object, which is not the collector.
func (a *Access) fetch(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this auth.Ref, request types.AnyType) soap.HasFault {
		if a.All(ctx) {
			return fetched(next(ctx, this, request))
		}
		asked := reflect.Indirect(reflect.ValueOf(request))
		of, _ := field(asked, "This").Interface().(auth.Ref)
		name := field(asked, "Prop").String()
		if ctx.Session.Get(of) == nil {
			return dispatch.Fault("The object has been deleted or has never been there.", &types.ManagedObjectNotFound{Obj: of})
		}
		l := a.look(ctx)
		if privilege := l.lacks(of, l.level(of), name); privilege != "" {
			return dispatch.Fault(denied(need{of, privilege}))
		}
		res := fetched(next(ctx, this, request))
		told := field(field(reflect.ValueOf(res), "Res"), "Returnval")
		if told.IsValid() {
			value := l.scrub(of, name, told.Interface())
			if value == nil {
				return &fetchBody{Res: new(FetchResponse)}
			}
			told.Set(reflect.ValueOf(value))
		}
		return res
	}
}

// fetched makes vcsim's answer about a property that is not set one that clients
// understand: vcsim answers with another method's.
func fetched(res soap.HasFault) soap.HasFault {
	if _, other := res.(*methods.RetrievePropertiesExBody); other && res.Fault() == nil {
		return &fetchBody{Res: new(FetchResponse)}
	}
	return res
}

// FetchResponse has the name that vcsim writes.
type FetchResponse struct{}

type fetchBody struct {
	Res    *FetchResponse `xml:"FetchResponse,omitempty"`
	Fault_ *soap.Fault    `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

// Fault implements soap.HasFault.
func (b *fetchBody) Fault() *soap.Fault { return b.Fault_ }

// named are the objects that are asked for by name.
func named(specs []types.PropertyFilterSpec) map[auth.Ref]bool {
	out := make(map[auth.Ref]bool)
	for _, spec := range specs {
		for _, set := range spec.ObjectSet {
			out[set.Obj] = true
		}
	}
	return out
}

// Cut implements hook.Access.
func (a *Access) Cut(ctx *simulator.Context, objects []types.ObjectContent) []types.ObjectContent {
	if a.All(ctx) {
		return objects
	}
	return a.cut(ctx, objects, nil)
}

// cut leaves out what the session does not see, but says of objects that were
// asked for by name that they may not be read, as a vCenter does.
func (a *Access) cut(ctx *simulator.Context, objects []types.ObjectContent, named map[auth.Ref]bool) []types.ObjectContent {
	l := a.look(ctx)
	out := make([]types.ObjectContent, 0, len(objects))
	for _, content := range objects {
		level := l.level(content.Obj)
		if level == hidden && !named[content.Obj] {
			continue
		}
		var kept []types.DynamicProperty
		for _, property := range content.PropSet {
			privilege := l.lacks(content.Obj, level, property.Name)
			if privilege != "" {
				_, fault := denied(need{content.Obj, privilege})
				content.MissingSet = append(content.MissingSet, types.MissingProperty{Path: property.Name,
					Fault: types.LocalizedMethodFault{Fault: fault, LocalizedMessage: "Permission to read this property was denied."}})
				continue
			}
			if property.Val = l.scrub(content.Obj, property.Name, property.Val); property.Val != nil {
				kept = append(kept, property)
			}
		}
		content.PropSet = kept
		out = append(out, content)
	}
	return out
}

// lacks names the privilege that is missing to read a property, "" if none is.
func (l *look) lacks(ref auth.Ref, level level, path string) string {
	name, _, _ := strings.Cut(path, ".")
	name, _, _ = strings.Cut(name, "[")
	if privilege := privileged[ref.Type][name]; privilege != "" && !l.On(l.a.Root()).Has(privilege) {
		return privilege
	}
	switch level {
	case hidden:
		return auth.SystemView
	case viewed:
		for _, kind := range []string{"", ref.Type, extends[ref.Type]} {
			if slices.Contains(viewable[kind], name) {
				return ""
			}
		}
		return auth.SystemRead
	}
	return ""
}

const (
	// maxPages is how many answers may be waiting to be continued.
	maxPages = 200
	// pageLife is how long they wait.
	pageLife = 10 * time.Minute
)

// pages are the rests of answers that were asked for in pages.
type pages struct {
	mu   sync.Mutex
	rest map[string]rest
}

type rest struct {
	session string
	objects []types.ObjectContent
	atOnce  int
	until   time.Time
}

func (p *pages) first(session string, objects []types.ObjectContent, atOnce int) *types.RetrieveResult {
	result := &types.RetrieveResult{Objects: objects}
	if atOnce <= 0 || len(objects) <= atOnce {
		return result
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rest == nil {
		p.rest = make(map[string]rest)
	}
	for token, r := range p.rest {
		if time.Now().After(r.until) || len(p.rest) >= maxPages {
			delete(p.rest, token)
		}
	}
	result.Objects = objects[:atOnce:atOnce]
	result.Token = uuid.NewString()
	p.rest[result.Token] = rest{session, objects[atOnce:], atOnce, time.Now().Add(pageLife)}
	return result
}

// next is nil if there is no such token of this session.
func (p *pages) next(session, token string) *types.RetrieveResult {
	p.mu.Lock()
	r, there := p.rest[token]
	if there = there && r.session == session; there {
		delete(p.rest, token)
	}
	p.mu.Unlock()
	if !there {
		return nil
	}
	return p.first(session, r.objects, r.atOnce)
}
