// Command lab-inventory reads all VMs with govmomi, then waits for one change, and tells what that took:
//
//	lab-inventory URL USER PASSWORD PROPERTY…
//
// It prints a line of JSON when everything is known, and one when something has changed. Certificates are not checked.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// maxObjects is how many objects an answer may be about.
const maxObjects = 2000

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "lab-inventory:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 5 {
		return fmt.Errorf("say URL USER PASSWORD PROPERTY...")
	}
	u, err := soap.ParseURL(os.Args[1])
	if err != nil {
		return err
	}
	u.User = url.UserPassword(os.Args[2], os.Args[3])
	before := memory()
	begun := time.Now()
	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return err
	}
	i := inventory{client: client, vms: map[types.ManagedObjectReference]*mo.VirtualMachine{}}
	if err := i.start(ctx, os.Args[4:]); err != nil {
		return err
	}
	if err := i.follow(ctx); err != nil {
		return err
	}
	seconds := time.Since(begun).Seconds()
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	cpu := time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	waiting := time.Now()
	tell(map[string]any{"vms": len(i.vms), "seconds": seconds, "cpu_seconds": cpu, "memory_mb": memory() - before})
	if err := i.follow(ctx); err != nil {
		return err
	}
	tell(map[string]any{"seconds": time.Since(waiting).Seconds(), "at": float64(time.Now().UnixMicro()) / 1e6})
	return nil
}

func tell(what any) { _ = json.NewEncoder(os.Stdout).Encode(what) }

type inventory struct {
	client    *govmomi.Client
	collector *property.Collector
	version   string
	vms       map[types.ManagedObjectReference]*mo.VirtualMachine
}

func (i *inventory) start(ctx context.Context, properties []string) error {
	manager := view.NewManager(i.client.Client)
	viewer, err := manager.CreateContainerView(ctx, i.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return err
	}
	if i.collector, err = property.DefaultCollector(i.client.Client).Create(ctx); err != nil {
		return err
	}
	_, err = i.collector.CreateFilter(ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: properties}},
		ObjectSet: []types.ObjectSpec{{Obj: viewer.Reference(), SelectSet: []types.BaseSelectionSpec{viewer.TraversalSpec()}}},
	}})
	return err
}

// follow takes updates until there are no more for now.
func (i *inventory) follow(ctx context.Context) error {
	for {
		res, err := methods.WaitForUpdatesEx(ctx, i.client, &types.WaitForUpdatesEx{
			This: i.collector.Reference(), Version: i.version,
			Options: &types.WaitOptions{MaxWaitSeconds: types.NewInt32(60), MaxObjectUpdates: maxObjects},
		})
		if err != nil {
			return err
		}
		if res.Returnval == nil {
			continue
		}
		i.version = res.Returnval.Version
		for _, filter := range res.Returnval.FilterSet {
			for _, update := range filter.ObjectSet {
				vm := i.vms[update.Obj]
				if vm == nil {
					vm = &mo.VirtualMachine{}
					vm.Self = update.Obj
					i.vms[update.Obj] = vm
				}
				mo.ApplyPropertyChange(vm, update.ChangeSet)
			}
		}
		if t := res.Returnval.Truncated; t == nil || !*t {
			return nil
		}
	}
}

// memory is what this process has in memory beside its code, in MB of 1,000,000 bytes.
func memory() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	var kb float64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			_, _ = fmt.Sscan(rest, &kb)
		}
	}
	return kb * 1024 / 1e6
}
