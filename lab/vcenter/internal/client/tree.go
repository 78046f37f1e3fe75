package client

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// maxChildren of one object are told; the page says how many more there are.
	maxChildren = 2000
	maxPage     = 500
	maxFound    = 50
	// maxDepth bounds the way from an object up to the root.
	maxDepth = 64
)

// The two trees.
const (
	treeHosts = "hosts"
	treeVMs   = "vms"
)

// steps lead from an object to what is below it in a tree.
func steps(kind, tree string) []types.BaseSelectionSpec {
	inFolder := through("Folder", "childEntity", false)
	inPool := []types.BaseSelectionSpec{through("ResourcePool", "resourcePool", false), through("ResourcePool", "vm", false)}
	switch {
	case kind == "Folder":
		return []types.BaseSelectionSpec{inFolder}
	case kind == "Datacenter" && tree == treeVMs:
		return []types.BaseSelectionSpec{through("Datacenter", "vmFolder", true, inFolder)}
	case kind == "Datacenter":
		return []types.BaseSelectionSpec{through("Datacenter", "hostFolder", true, inFolder)}
	case kind == "VirtualApp" && tree == treeVMs:
		return []types.BaseSelectionSpec{through("ResourcePool", "vm", false)}
	case kind == "ClusterComputeResource", kind == "ComputeResource":
		return append([]types.BaseSelectionSpec{through("ComputeResource", "host", false)},
			through("ComputeResource", "resourcePool", true, inPool...))
	case kind == "ResourcePool", kind == "VirtualApp":
		return inPool
	}
	return nil
}

// children answers what is below an object in a tree.
func (c *Client) children(r *http.Request, s *session) (any, error) {
	v, ref, err := s.resolve(r.FormValue("of"))
	if err != nil {
		return nil, err
	}
	tree := r.FormValue("tree")
	nodes, err := v.collect(r.Context(), ref, steps(ref.Type, tree))
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 && ref == v.client.ServiceContent.RootFolder {
		if nodes, err = v.strays(r.Context(), ref); err != nil {
			return nil, err
		}
	}
	nodes = slices.DeleteFunc(nodes, func(n node) bool { return n.Template && tree == treeHosts })
	more := max(0, len(nodes)-maxChildren)
	nodes = nodes[:len(nodes)-more]
	for n := range nodes {
		nodes[n].Leaf = nodes[n].Leaf || nodes[n].Type == "HostSystem"
	}
	return map[string]any{"nodes": nodes, "more": more}, nil
}

// strays are what somebody sees who sees nothing right below the root: the
// topmost objects that are visible.
func (v *vcenter) strays(ctx context.Context, root types.ManagedObjectReference) ([]node, error) {
	nodes, err := v.below(ctx, root, []string{"Datacenter", "Folder", "ComputeResource", "ResourcePool", "VirtualMachine"})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for _, n := range nodes {
		seen[n.ID] = true
	}
	return slices.DeleteFunc(nodes, func(n node) bool {
		_, ref, _ := (&session{vcenters: []*vcenter{v}}).resolve(n.ID)
		for _, tree := range []string{treeHosts, treeVMs} {
			if up, err := v.parent(ctx, ref, tree); err == nil && up != nil && seen[v.urn(*up)] {
				return true
			}
		}
		return false
	}), nil
}

// parent is what stands above an object in a tree; nil above the root.
func (v *vcenter) parent(ctx context.Context, ref types.ManagedObjectReference, tree string) (*types.ManagedObjectReference, error) {
	if ref.Type == "VirtualMachine" {
		var vm mo.VirtualMachine
		if err := retrieveOne(ctx, v, ref, []string{"parent", "parentVApp", "resourcePool"}, &vm); err != nil {
			return nil, err
		}
		if tree == treeHosts && vm.ResourcePool != nil {
			return vm.ResourcePool, nil
		}
		if vm.ParentVApp != nil {
			return vm.ParentVApp, nil
		}
		return vm.Parent, nil
	}
	var entity mo.ManagedEntity
	err := retrieveOne(ctx, v, ref, []string{"parent"}, &entity)
	return entity.Parent, err
}

// path is the way from the root to an object in a tree, without the objects that
// a tree does not show: a cluster's root pool, a datacenter's own folders.
func (v *vcenter) path(ctx context.Context, ref types.ManagedObjectReference, tree string) []string {
	var way []types.ManagedObjectReference
	for at := &ref; at != nil && len(way) < maxDepth; {
		way = append(way, *at)
		up, err := v.parent(ctx, *at, tree)
		if err != nil {
			break // what is above cannot be seen
		}
		at = up
	}
	slices.Reverse(way)
	urns := make([]string, 0, len(way))
	for n, at := range way {
		hidden := n > 0 && (at.Type == "Folder" && way[n-1].Type == "Datacenter" ||
			at.Type == "ResourcePool" && way[n-1].Type != "ResourcePool" && way[n-1].Type != "VirtualApp")
		if !hidden {
			urns = append(urns, v.urn(at))
		}
	}
	return urns
}

// vms answers a page of the VMs below an object.
func (c *Client) vms(r *http.Request, s *session) (any, error) {
	v, ref, err := s.resolve(r.FormValue("of"))
	if err != nil {
		return nil, err
	}
	nodes, err := v.below(r.Context(), ref, []string{"VirtualMachine"})
	if err != nil {
		return nil, err
	}
	total := len(nodes)
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	offset = min(max(offset, 0), total)
	return map[string]any{"total": total, "offset": offset, "nodes": nodes[offset:min(total, offset+maxPage)]}, nil
}

// power switches a VM on or off.
func (c *Client) power(r *http.Request, s *session) (any, error) {
	var body struct {
		ID string `json:"id"`
		On bool   `json:"on"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	v, ref, err := s.resolve(body.ID)
	if err != nil {
		return nil, err
	}
	vm := object.NewVirtualMachine(v.client, ref)
	do := vm.PowerOff
	if body.On {
		do = vm.PowerOn
	}
	task, err := do(r.Context())
	if err != nil {
		return nil, &refusal{http.StatusConflict, "The power state was not changed: " + faultText(err)}
	}
	return map[string]string{"task": task.Reference().Value}, nil
}
