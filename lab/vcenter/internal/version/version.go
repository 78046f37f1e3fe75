// Package version makes the simulated vCenter as old as it says: it knows the
// build numbers of releases, and what of the API came later than a release.
//
// vcsim serves one API, that of its newest version. A real vCenter refuses what
// its own does not have: properties with InvalidProperty, methods with
// MethodNotFound, parts of a request with InvalidRequest.
package version

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// Version is a release's four numbers, such as 8.0.2.0.
type Version [4]int

// Parse reads up to four numbers.
func Parse(text string) (Version, error) {
	var v Version
	parts := strings.Split(text, ".")
	if len(parts) > len(v) {
		return v, fmt.Errorf("version %q has more than %d numbers", text, len(v))
	}
	for n, part := range parts {
		number, err := strconv.Atoi(part)
		if err != nil || number < 0 {
			return v, fmt.Errorf("version %q is not made of numbers", text)
		}
		v[n] = number
	}
	return v, nil
}

// String writes four numbers, as about.apiVersion does.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d.%d", v[0], v[1], v[2], v[3]) }

// Before tells whether it is older than another.
func (v Version) Before(other Version) bool {
	for n := range v {
		if v[n] != other[n] {
			return v[n] < other[n]
		}
	}
	return false
}

// builds are the builds of releases, as VMware's knowledge base lists them
// ("Build numbers and versions of VMware vCenter Server").
var builds = map[Version]string{
	{7, 0, 3}: "18700403",
	{8, 0, 2}: "22385739",
	{8, 0, 3}: "24022515",
}

// About makes what ServiceContent tells of the product that of a release.
func About(about *types.AboutInfo, text string) error {
	v, err := Parse(text)
	if err != nil {
		return err
	}
	about.Version, about.ApiVersion = text, v.String()
	if build, known := builds[v]; known {
		about.Build = build
	}
	about.FullName = "VMware vCenter Server " + text + " (simulated)"
	if known := builds[v]; known != "" {
		about.FullName = "VMware vCenter Server " + text + " build-" + known + " (simulated)"
	}
	return nil
}

// since are the properties and methods of managed objects that are younger than
// 7.0.3, by their types; those of the API Reference that vcsim or the lab serve.
var since = map[string]map[string]Version{
	"ComputeResource":           {"configManagerEnabled": {8, 0, 0, 0}},
	"ClusterComputeResource":    {"configManagerEnabled": {8, 0, 0, 0}},
	"EventHistoryCollector":     {"initialized": {8, 0, 3, 0}},
	"ExtensionManager":          {"SetServiceAccount": {8, 0, 2, 0}},
	"FileManager":               {"QueryFileLockInfo": {8, 0, 2, 0}},
	"TaskManager":               {"CreateCollectorWithInfoFilterForTasks": {8, 0, 3, 0}},
	"DatastoreNamespaceManager": {"IncreaseDirectorySize": {8, 0, 1, 0}, "QueryDirectoryInfo": {8, 0, 1, 0}},
	"HostDatastoreSystem":       {"SetMaxQueueDepth": {8, 0, 0, 1}, "QueryMaxQueueDepth": {8, 0, 0, 1}},
	"CryptoManagerKmip":         {"SetKeyCustomAttributes": {8, 0, 1, 0}},
	"VcenterVStorageObjectManager": {"VStorageObjectExtendDiskEx_Task": {8, 0, 2, 0}, "RenameVStorageObjectEx": {8, 0, 2, 0},
		"VStorageObjectCreateSnapshotEx_Task": {8, 0, 2, 0}, "VStorageObjectDeleteSnapshotEx_Task": {8, 0, 2, 0},
		"RevertVStorageObjectEx_Task": {8, 0, 2, 0}, "SetVirtualDiskUuidEx_Task": {8, 0, 3, 0}, "QueryVirtualDiskUuidEx": {8, 0, 3, 0}},
}

// serverCertificate is since when ExtensionServerInfo has it.
var serverCertificate = Version{8, 0, 2, 0}

// Register has every call judged by the release's API.
func Register(table hook.Dispatcher, text string) error {
	v, err := Parse(text)
	if err != nil {
		return err
	}
	table.Guard(func(_ *simulator.Context, method *simulator.Method) (string, types.BaseMethodFault) {
		return v.refuses(method)
	})
	return nil
}

func (v Version) lacks(kind, name string) bool {
	from, listed := since[kind][name]
	return listed && v.Before(from)
}

func (v Version) refuses(method *simulator.Method) (string, types.BaseMethodFault) {
	if v.lacks(method.This.Type, method.Name) {
		return fmt.Sprintf("vCenter %s has no %s.%s.", v, method.This.Type, method.Name),
			&types.MethodNotFound{Receiver: method.This, Method: method.Name}
	}
	switch req := method.Body.(type) {
	case *types.RegisterExtension:
		return v.extension(&req.Extension)
	case *types.UpdateExtension:
		return v.extension(&req.Extension)
	case *types.RetrievePropertiesEx:
		return v.properties(req.SpecSet...)
	case *types.RetrieveProperties:
		return v.properties(req.SpecSet...)
	case *types.CreateFilter:
		return v.properties(req.Spec)
	case nil:
		return "", nil
	default:
		return v.fetch(reflect.Indirect(reflect.ValueOf(req)))
	}
}

// fetch is in no published API: pyVmomi reads each property with it.
func (v Version) fetch(req reflect.Value) (string, types.BaseMethodFault) {
	if req.Type().Name() != "Fetch" {
		return "", nil
	}
	of, _ := req.FieldByName("This").Interface().(types.ManagedObjectReference)
	return v.properties(types.PropertyFilterSpec{PropSet: []types.PropertySpec{{Type: of.Type, PathSet: []string{req.FieldByName("Prop").String()}}}})
}

func (v Version) extension(extension *types.Extension) (string, types.BaseMethodFault) {
	if !v.Before(serverCertificate) {
		return "", nil
	}
	for _, server := range extension.Server {
		if server.ServerCertificate != "" {
			return "Unexpected element tag \"serverCertificate\" seen: ExtensionServerInfo has it since 8.0.2.0.", new(types.InvalidRequest)
		}
	}
	return "", nil
}

func (v Version) properties(specs ...types.PropertyFilterSpec) (string, types.BaseMethodFault) {
	for _, spec := range specs {
		for _, set := range spec.PropSet {
			for _, path := range set.PathSet {
				name, _, _ := strings.Cut(path, ".")
				if v.lacks(set.Type, name) {
					return fmt.Sprintf("vCenter %s has no property %s of %s.", v, path, set.Type), &types.InvalidProperty{Name: path}
				}
			}
		}
	}
	return "", nil
}
