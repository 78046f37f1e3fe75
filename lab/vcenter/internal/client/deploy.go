package client

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/plugin"
)

// State is how far the deployment of a plug-in has come.
type State string

// The states that the page of client plug-ins shows.
const (
	InProgress   State = "in progress"
	Deployed     State = "deployed"
	Failed       State = "failed"
	Incompatible State = "incompatible"
)

const (
	// maxInstances of plug-ins are deployed; further ones are logged.
	maxInstances = 100
	// maxCached manifests are kept, by key and version.
	maxCached = 200
)

// Instance is one plug-in as registered with one manifest URL, at one or more
// vCenters. It does not change once it is in the list; it is replaced.
type Instance struct {
	// ID is KEY~VERSION~N and names it in the proxy's paths.
	ID       string
	Key      string
	Version  string
	Company  string
	Label    string
	VCenters []string
	State    State
	// Error says in words why it is not deployed.
	Error    string
	Servers  []plugin.Server
	Manifest *plugin.Manifest
	url      string
	// settled is what was registered when its state was decided.
	settled string
}

// registered is a vCenter's extensions, as they are now.
type registered struct {
	guid       string
	extensions []types.Extension
}

// deployments are the plug-ins of all linked vCenters.
type deployments struct {
	version   string
	allowHTTP bool

	// checking lets one check run at a time.
	checking sync.Mutex

	mu         sync.Mutex
	instances  []*Instance
	cache      map[string]*plugin.Manifest
	next       int
	generation int
	// last is what each vCenter had at the last check that reached it.
	last map[string]registered
}

func newDeployments(version string, allowHTTP bool) *deployments {
	return &deployments{version: version, allowHTTP: allowHTTP, next: 1,
		cache: make(map[string]*plugin.Manifest), last: make(map[string]registered)}
}

// list returns the instances and a number that grows with every change.
func (d *deployments) list() ([]*Instance, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.instances), d.generation
}

// find returns the deployed instance of an id, or nil.
func (d *deployments) find(id string) *Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range d.instances {
		if i.ID == id && i.State == Deployed {
			return i
		}
	}
	return nil
}

// forgetCache is what deleting the Client's cache and restarting it does.
func (d *deployments) forgetCache() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.cache)
	for n, i := range d.instances {
		again := *i
		again.settled = ""
		d.instances[n] = &again
	}
}

// check brings the instances in line with what is registered. found leaves out
// vCenters that cannot be reached: theirs stay as they were; known are all.
func (d *deployments) check(ctx context.Context, known []string, found []registered) {
	d.checking.Lock()
	defer d.checking.Unlock()
	work := d.reconcile(known, found)
	var wg sync.WaitGroup
	for _, i := range work {
		wg.Go(func() { d.replace(i, d.deploy(ctx, i)) })
	}
	wg.Wait()
}

// reconcile returns the instances that have to be deployed.
func (d *deployments) reconcile(known []string, found []registered) (work []*Instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range found {
		d.last[r.guid] = r
	}
	var wanted []*Instance
	for _, guid := range known {
		for n := range d.last[guid].extensions {
			e := &d.last[guid].extensions[n]
			if !plugin.IsRemote(e) {
				continue
			}
			wanted = d.want(wanted, guid, e)
		}
	}
	if len(wanted) > maxInstances {
		log.Printf("client: %d plug-ins are registered, more than %d: the rest is not deployed", len(wanted), maxInstances)
		wanted = wanted[:maxInstances]
	}
	var now []*Instance
	changed := len(wanted) != len(d.instances)
	for _, w := range wanted {
		old := d.same(w)
		switch {
		case old != nil && old.settled == w.settled && slices.Equal(old.VCenters, w.VCenters) && (old.State == Deployed || old.State == Incompatible):
			now = append(now, old)
			continue
		case old != nil:
			w.ID = old.ID
		default:
			w.ID = fmt.Sprintf("%s~%s~%d", w.Key, w.Version, d.next)
			d.next++
		}
		changed = true
		work = append(work, w)
		now = append(now, w)
	}
	d.instances = now
	if changed {
		d.generation++
	}
	return work
}

// want adds a registration to the instance of its key and URL, or makes one. What
// else differs between vCenters, such as who pins by certificate, is as the first has it.
func (d *deployments) want(wanted []*Instance, guid string, e *types.Extension) []*Instance {
	settled := fingerprint(e)
	var url string
	if len(e.Server) > 0 {
		url = e.Server[0].Url
	}
	for _, w := range wanted {
		if w.Key == e.Key && w.Version == e.Version && w.url == url {
			w.VCenters = append(w.VCenters, guid)
			return wanted
		}
	}
	i := &Instance{Key: e.Key, Version: e.Version, Company: e.Company, VCenters: []string{guid},
		State: InProgress, url: url, settled: settled}
	if e.Description != nil {
		i.Label = e.Description.GetDescription().Label
	}
	servers, err := plugin.Servers(e, d.allowHTTP)
	if err != nil {
		i.State, i.Error = Failed, "The plug-in cannot be deployed: "+err.Error()+"."
	}
	i.Servers = servers
	return append(wanted, i)
}

// same is the instance that w is another state of.
func (d *deployments) same(w *Instance) *Instance {
	for _, i := range d.instances {
		if i.Key == w.Key && i.Version == w.Version && i.url == w.url {
			return i
		}
	}
	return nil
}

// fingerprint tells registrations apart by all that deployment depends on.
func fingerprint(e *types.Extension) string {
	parts := []string{e.Key, e.Version}
	for _, s := range e.Server {
		parts = append(parts, s.Type, s.Url, s.ServerThumbprint, s.ServerCertificate)
	}
	return strings.Join(parts, "\n")
}

// deploy downloads what is not in the cache and returns the instance's new state.
func (d *deployments) deploy(ctx context.Context, i *Instance) *Instance {
	done := *i
	if i.State == Failed {
		return &done
	}
	key := i.Key + "~" + i.Version
	d.mu.Lock()
	manifest := d.cache[key]
	d.mu.Unlock()
	var err error
	if manifest == nil {
		manifest, err = plugin.Fetch(ctx, i.Servers[0], d.version)
	}
	var incompatible *plugin.IncompatibleError
	switch {
	case errors.As(err, &incompatible):
		done.State, done.Error = Incompatible, "The plug-in is not compatible: "+err.Error()+"."
	case err != nil:
		done.State, done.Error = Failed, "The plug-in cannot be deployed: "+strings.TrimRight(err.Error(), ".")+"."
	default:
		done.State, done.Manifest = Deployed, manifest
		d.keep(key, manifest)
	}
	if err != nil {
		log.Printf("client: plug-in %s %s: %s", i.Key, i.Version, done.Error)
	}
	return &done
}

func (d *deployments) keep(key string, manifest *plugin.Manifest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cache) < maxCached {
		d.cache[key] = manifest
	}
}

func (d *deployments) replace(old, done *Instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, i := range d.instances {
		if i == old {
			d.instances[n] = done
			d.generation++
		}
	}
}
