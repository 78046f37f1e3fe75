package client

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/inventory"
)

// urn is how the SDK names an object: urn:vmomi:TYPE:MOID:GUID.
func (v *vcenter) urn(ref types.ManagedObjectReference) string {
	return "urn:vmomi:" + ref.Type + ":" + ref.Value + ":" + v.GUID
}

// resolve finds the object of a urn in a session.
func (s *session) resolve(urn string) (*vcenter, types.ManagedObjectReference, error) {
	parts := strings.Split(urn, ":")
	if len(parts) != 5 || parts[0] != "urn" || parts[1] != "vmomi" {
		return nil, types.ManagedObjectReference{}, &refusal{http.StatusBadRequest, "\"" + urn + "\" is not urn:vmomi:TYPE:ID:GUID."}
	}
	v, err := s.vcenter(parts[4])
	return v, types.ManagedObjectReference{Type: parts[2], Value: parts[3]}, err
}

func retrieveOne(ctx context.Context, v *vcenter, ref types.ManagedObjectReference, paths []string, into any) error {
	return property.DefaultCollector(v.client).RetrieveOne(ctx, ref, paths, into)
}

// node is one object of a tree or a list.
type node struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Name string `json:"name"`
	// Power is a VM's: on, off or suspended.
	Power    string `json:"power,omitempty"`
	Template bool   `json:"template,omitempty"`
	// Leaf says that nothing is below it in a tree.
	Leaf bool   `json:"leaf,omitempty"`
	IP   string `json:"ip,omitempty"`
	CPU  int32  `json:"cpu,omitempty"`
	// MemoryMiB is a VM's.
	MemoryMiB int32 `json:"memoryMiB,omitempty"`
}

// nodePaths are what a node is made of.
var nodePaths = []types.PropertySpec{
	{Type: "ManagedEntity", PathSet: []string{"name"}},
	{Type: "VirtualMachine", PathSet: []string{"name", "runtime.powerState", "summary.config.template",
		"summary.config.numCpu", "summary.config.memorySizeMB", "guest.ipAddress"}},
}

func (v *vcenter) node(content types.ObjectContent) node {
	n := node{ID: v.urn(content.Obj), Type: content.Obj.Type}
	n.Leaf = n.Type == "VirtualMachine"
	for _, p := range content.PropSet {
		switch p.Name {
		case "name":
			name, _ := p.Val.(string)
			n.Name = inventory.Unescape(name)
		case "runtime.powerState":
			state, _ := p.Val.(types.VirtualMachinePowerState)
			n.Power = strings.ToLower(strings.TrimPrefix(string(state), "powered"))
		case "summary.config.template":
			n.Template, _ = p.Val.(bool)
		case "summary.config.numCpu":
			n.CPU, _ = p.Val.(int32)
		case "summary.config.memorySizeMB":
			n.MemoryMiB, _ = p.Val.(int32)
		case "guest.ipAddress":
			n.IP, _ = p.Val.(string)
		}
	}
	return n
}

// through is a step from one type of object to others by a property.
func through(kind, path string, skip bool, next ...types.BaseSelectionSpec) types.BaseSelectionSpec {
	return &types.TraversalSpec{Type: kind, Path: path, Skip: types.NewBool(skip), SelectSet: next}
}

// collect reads nodes along a traversal from one object. What the user must not
// see is not among them.
func (v *vcenter) collect(ctx context.Context, from types.ManagedObjectReference, steps []types.BaseSelectionSpec) ([]node, error) {
	res, err := methods.RetrieveProperties(ctx, v.client, &types.RetrieveProperties{
		This: v.client.ServiceContent.PropertyCollector,
		SpecSet: []types.PropertyFilterSpec{{PropSet: nodePaths,
			ObjectSet: []types.ObjectSpec{{Obj: from, Skip: types.NewBool(true), SelectSet: steps}}}},
	})
	if err != nil {
		return nil, err
	}
	nodes := make([]node, 0, len(res.Returnval))
	for _, content := range res.Returnval {
		nodes = append(nodes, v.node(content))
	}
	sortNodes(nodes)
	return nodes, nil
}

// rank orders types in a tree: containers before what is in them.
var rank = map[string]int{"Datacenter": 0, "Folder": 1, "ClusterComputeResource": 2, "ComputeResource": 3, "HostSystem": 4,
	"ResourcePool": 5, "VirtualApp": 6, "VirtualMachine": 7}

func sortNodes(nodes []node) {
	slices.SortFunc(nodes, func(a, b node) int {
		return cmp.Or(cmp.Compare(rank[a.Type], rank[b.Type]), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)),
			strings.Compare(a.ID, b.ID))
	})
}

// below reads all objects of some types below one, as far as the user sees them.
func (v *vcenter) below(ctx context.Context, from types.ManagedObjectReference, kinds []string) ([]node, error) {
	manager := view.NewManager(v.client)
	all, err := manager.CreateContainerView(ctx, from, kinds, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = all.Destroy(context.WithoutCancel(ctx)) }()
	return v.collect(ctx, all.Reference(), []types.BaseSelectionSpec{through("ContainerView", "view", false)})
}

// link is an object by name.
type link struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// linkTo names an object; nil if the user cannot see it.
func (v *vcenter) linkTo(ctx context.Context, ref *types.ManagedObjectReference) *link {
	if ref == nil {
		return nil
	}
	var entity mo.ManagedEntity
	if err := retrieveOne(ctx, v, *ref, []string{"name"}, &entity); err != nil {
		return nil
	}
	return &link{ID: v.urn(*ref), Name: inventory.Unescape(entity.Name), Type: ref.Type}
}
