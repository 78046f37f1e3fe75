package version

import (
	"fmt"
	"testing"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func TestAbout(t *testing.T) {
	for text, want := range map[string]string{
		"7.0.3": "7.0.3 7.0.3.0 18700403", "8.0.2": "8.0.2 8.0.2.0 22385739", "8.0.3": "8.0.3 8.0.3.0 24022515", "6.7": "6.7 6.7.0.0 stock",
	} {
		about := types.AboutInfo{Build: "stock"}
		if err := About(&about, text); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(about.Version, " ", about.ApiVersion, " ", about.Build); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "eight", "8.0.2.0.1", "8.-1"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is taken for a version", text)
		}
	}
}

func TestWhatIsNotKnownYet(t *testing.T) {
	extension := types.Extension{Server: []types.ExtensionServerInfo{{Url: "https://x", ServerCertificate: "PEM"}}}
	plain := types.Extension{Server: []types.ExtensionServerInfo{{Url: "https://x", ServerThumbprint: "AA"}}}
	cluster := types.ManagedObjectReference{Type: "ClusterComputeResource", Value: "domain-c1"}
	property := []types.PropertyFilterSpec{{PropSet: []types.PropertySpec{{Type: cluster.Type, PathSet: []string{"name", "configManagerEnabled"}}}}}
	files := types.ManagedObjectReference{Type: "FileManager", Value: "FileManager"}
	tests := []struct {
		name   string
		method simulator.Method
		// want is the fault of 7.0.3, 8.0.2 and 8.0.3.
		want [3]string
	}{
		{"a certificate", simulator.Method{Body: &types.RegisterExtension{Extension: extension}}, [3]string{"*types.InvalidRequest", "<nil>", "<nil>"}},
		{"a certificate in an update", simulator.Method{Body: &types.UpdateExtension{Extension: extension}}, [3]string{"*types.InvalidRequest", "<nil>", "<nil>"}},
		{"a thumbprint", simulator.Method{Body: &types.RegisterExtension{Extension: plain}}, [3]string{"<nil>", "<nil>", "<nil>"}},
		{"a property", simulator.Method{Body: &types.RetrievePropertiesEx{SpecSet: property}}, [3]string{"*types.InvalidProperty", "<nil>", "<nil>"}},
		{"a property to wait for", simulator.Method{Body: &types.CreateFilter{Spec: property[0]}}, [3]string{"*types.InvalidProperty", "<nil>", "<nil>"}},
		{"a method of 8.0.2", simulator.Method{This: files, Name: "QueryFileLockInfo"}, [3]string{"*types.MethodNotFound", "<nil>", "<nil>"}},
		{"a method of 8.0.3", simulator.Method{This: types.ManagedObjectReference{Type: "TaskManager"}, Name: "CreateCollectorWithInfoFilterForTasks"},
			[3]string{"*types.MethodNotFound", "*types.MethodNotFound", "<nil>"}},
	}
	for _, test := range tests {
		for n, text := range []string{"7.0.3", "8.0.2", "8.0.3"} {
			v, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, fault := v.refuses(&test.method); fmt.Sprintf("%T", fault) != test.want[n] {
				t.Errorf("%s in %s: %T, want %s", test.name, text, fault, test.want[n])
			}
		}
	}
}
