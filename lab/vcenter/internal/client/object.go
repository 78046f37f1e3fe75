package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/inventory"
)

// fact is one line of an object's summary.
type fact struct {
	Label string `json:"label"`
	Value string `json:"value,omitempty"`
	Link  *link  `json:"link,omitempty"`
}

// object answers what an object's page shows.
func (c *Client) object(r *http.Request, s *session) (any, error) {
	v, ref, err := s.resolve(r.FormValue("id"))
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	nodes, err := v.about(ctx, ref)
	if gone(err) {
		return nil, &refusal{http.StatusNotFound, "This object does not exist, or you may not see it."}
	} else if err != nil {
		return nil, err
	}
	facts, err := v.facts(ctx, ref)
	if err != nil && !gone(err) {
		return nil, err
	}
	root := ref == v.client.ServiceContent.RootFolder
	if root {
		nodes.Name = v.Name
		facts = []fact{{Label: "Version", Value: v.Version}, {Label: "Instance UUID", Value: v.GUID}}
	}
	return map[string]any{"node": nodes, "facts": facts, "root": root, "vcenter": v.GUID,
		"paths": map[string][]string{treeHosts: v.path(ctx, ref, treeHosts), treeVMs: v.path(ctx, ref, treeVMs)}}, nil
}

// about reads one object as a node.
func (v *vcenter) about(ctx context.Context, ref types.ManagedObjectReference) (node, error) {
	var entity mo.ManagedEntity
	if ref.Type != "VirtualMachine" {
		err := retrieveOne(ctx, v, ref, []string{"name"}, &entity)
		return node{ID: v.urn(ref), Type: ref.Type, Name: inventory.Unescape(entity.Name)}, err
	}
	var vm mo.VirtualMachine
	err := retrieveOne(ctx, v, ref, []string{"name", "runtime.powerState", "summary.config.template"}, &vm)
	return node{ID: v.urn(ref), Type: ref.Type, Name: inventory.Unescape(vm.Name), Leaf: true, Template: vm.Summary.Config.Template,
		Power: strings.ToLower(strings.TrimPrefix(string(vm.Runtime.PowerState), "powered"))}, err
}

func (v *vcenter) facts(ctx context.Context, ref types.ManagedObjectReference) ([]fact, error) {
	switch ref.Type {
	case "VirtualMachine":
		return v.machineFacts(ctx, ref)
	case "ClusterComputeResource":
		return v.clusterFacts(ctx, ref)
	case "HostSystem":
		return v.hostFacts(ctx, ref)
	}
	vms, err := v.below(ctx, ref, []string{"VirtualMachine"})
	return []fact{{Label: "Virtual machines", Value: fmt.Sprint(len(vms))}}, err
}

func (v *vcenter) machineFacts(ctx context.Context, ref types.ManagedObjectReference) ([]fact, error) {
	var vm mo.VirtualMachine
	err := retrieveOne(ctx, v, ref, []string{"config", "guest", "runtime", "resourcePool", "summary.storage", "parent"}, &vm)
	if err != nil {
		return nil, err
	}
	facts := []fact{{Label: "Power state", Value: map[types.VirtualMachinePowerState]string{
		"poweredOn": "Powered On", "poweredOff": "Powered Off", "suspended": "Suspended"}[vm.Runtime.PowerState]}}
	if vm.Config != nil {
		facts = append(facts,
			fact{Label: "Guest OS", Value: vm.Config.GuestFullName},
			fact{Label: "Compatibility", Value: vm.Config.Version},
			fact{Label: "CPU", Value: fmt.Sprintf("%d CPU(s)", vm.Config.Hardware.NumCPU)},
			fact{Label: "Memory", Value: fmt.Sprintf("%d MB", vm.Config.Hardware.MemoryMB)},
			fact{Label: "Notes", Value: vm.Config.Annotation})
		if vm.Config.ManagedBy != nil {
			facts = append(facts, fact{Label: "Managed by", Value: vm.Config.ManagedBy.ExtensionKey})
		}
	}
	if vm.Guest != nil {
		facts = append(facts, fact{Label: "VMware Tools", Value: strings.TrimPrefix(vm.Guest.ToolsRunningStatus, "guestTools")},
			fact{Label: "DNS name", Value: vm.Guest.HostName}, fact{Label: "IP address", Value: vm.Guest.IpAddress})
	}
	if vm.Summary.Storage != nil {
		facts = append(facts, fact{Label: "Storage used", Value: bytesText(vm.Summary.Storage.Committed)})
	}
	return append(facts, fact{Label: "Host", Link: v.linkTo(ctx, vm.Runtime.Host)},
		fact{Label: "Resource pool", Link: v.linkTo(ctx, vm.ResourcePool)}, fact{Label: "Folder", Link: v.linkTo(ctx, vm.Parent)}), nil
}

func (v *vcenter) clusterFacts(ctx context.Context, ref types.ManagedObjectReference) ([]fact, error) {
	var cluster mo.ClusterComputeResource
	if err := retrieveOne(ctx, v, ref, []string{"summary", "configurationEx", "host"}, &cluster); err != nil {
		return nil, err
	}
	facts := []fact{{Label: "Hosts", Value: fmt.Sprint(len(cluster.Host))}}
	if s := cluster.Summary; s != nil {
		sum := s.GetComputeResourceSummary()
		facts = append(facts, fact{Label: "Total processors", Value: fmt.Sprintf("%d MHz, %d cores", sum.TotalCpu, sum.NumCpuCores)},
			fact{Label: "Total memory", Value: bytesText(sum.TotalMemory)})
	}
	if info, is := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx); is {
		on := map[bool]string{true: "On", false: "Off"}
		facts = append(facts, fact{Label: "vSphere DRS", Value: on[info.DrsConfig.Enabled != nil && *info.DrsConfig.Enabled]})
	}
	vms, err := v.below(ctx, ref, []string{"VirtualMachine"})
	return append(facts, fact{Label: "Virtual machines", Value: fmt.Sprint(len(vms))}), err
}

func (v *vcenter) hostFacts(ctx context.Context, ref types.ManagedObjectReference) ([]fact, error) {
	var host mo.HostSystem
	if err := retrieveOne(ctx, v, ref, []string{"summary", "runtime.connectionState", "vm"}, &host); err != nil {
		return nil, err
	}
	facts := []fact{{Label: "State", Value: string(host.Runtime.ConnectionState)}, {Label: "Virtual machines", Value: fmt.Sprint(len(host.Vm))}}
	if p := host.Summary.Config.Product; p != nil {
		facts = append(facts, fact{Label: "Hypervisor", Value: p.FullName})
	}
	if h := host.Summary.Hardware; h != nil {
		facts = append(facts, fact{Label: "Processor", Value: h.CpuModel}, fact{Label: "Memory", Value: bytesText(h.MemorySize)})
	}
	return facts, nil
}

func bytesText(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	size, unit := float64(n), 0
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + " " + units[unit]
}

// gone tells whether an object is not there, or not for this user.
func gone(err error) bool {
	return isFault[types.ManagedObjectNotFound](err) || isFault[types.NoPermission](err)
}

// faultText is a fault as the user reads it.
func faultText(err error) string {
	if !soap.IsSoapFault(err) {
		return err.Error()
	}
	fault := soap.ToSoapFault(err)
	if denied, is := fault.VimFault().(types.NoPermission); is {
		return "you lack the privilege " + denied.PrivilegeId + "."
	}
	if fault.String != "" {
		return fault.String
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", fault.VimFault()), "types.")
}

var errNoManager = errors.New("the vCenter has no such manager")
