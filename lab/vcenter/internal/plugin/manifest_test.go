package plugin

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// broken says why each of the manifests in testdata/broken is refused.
var broken = map[string]string{
	"comment":             `plugin.json: there is no property "_comment" here; additional properties are not allowed`,
	"unknown-in-view":     `objects.ClusterComputeResource.monitor.views[0]: there is no property "icon" here`,
	"manifest-version":    `manifestVersion: "2.0.0" is none of "1.0.0", "1.0.1", "1.1.0", "1.2.0"`,
	"no-requirements":     `plugin.json: the property "requirements" is missing`,
	"five-numbers":        `requirements.vcenter.server.version: "7.0.1.2.3" is neither a version nor an interval`,
	"empty-interval":      `requirements.vcenter.server.version: the interval "[8.0,7.0]" holds no version`,
	"environment":         `requirements.vcenter.server.environments[0]: "on-prem" is none of "onprem", "cloud", "gateway"`,
	"capability":          `requirements.action.accepts.multiple.targets: "true" is none of true`,
	"missing-locale":      `definitions.i18n.definitions.p.run: the text for the locale de-DE is missing`,
	"locale-form":         `definitions.i18n.locales[1]: "de" is not a locale such as en-US`,
	"no-locale":           `definitions.i18n.locales: has 0 entries, but needs at least 1`,
	"locale-twice":        `definitions.i18n.locales: "en-US" is there twice`,
	"label-key":           `objects.ClusterComputeResource.configure.views[0].labelKey: the key "p.nowhere" is not in definitions.i18n.definitions`,
	"icon-key":            `configuration.icon: the icon "missing" is not in definitions.iconSpriteSheet.definitions`,
	"no-sprites":          `the icon "main" needs a definitions.iconSpriteSheet`,
	"dark-icon":           `definitions.iconSpriteSheet.themeOverrides.dark: the icon "other" overrides none`,
	"modal-size":          `objects.VirtualMachine.menu.actions[0].trigger.size.width: "600px" is not a whole number`,
	"trigger":             `objects.VirtualMachine.menu.actions[0].trigger: there is no property "targetViewId" here`,
	"trigger-type":        `objects.VirtualMachine.menu.actions[0].trigger.type: "headless" is none of "modal", "navigation"`,
	"navigation-target":   `objects.VirtualMachine.menu.actions[2].trigger: the targetViewId "nowhere" is no navigationId`,
	"absolute-uri":        `objects.ClusterComputeResource.configure.views[0].uri: "https://elsewhere.example/x" must be relative`,
	"object-type":         `objects: "Cluster" is not a type of object that can be extended`,
	"dynamic-nothing":     `objects.ClusterComputeResource.monitor.views[0]: it is dynamic, but there is no dynamicUri`,
	"navigation-id-twice": `objects.ClusterComputeResource.configure.views[0]: the navigationId "cl.mon" is there twice`,
	"separator":           `objects.VirtualMachine.menu.actions[1]: there is no property "id" here`,
	"not-json":            `plugin.json: it is not JSON`,
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBrokenManifestsAreRefusedWithTheReason(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.json")
	if err != nil || len(files) != len(broken) {
		t.Fatalf("there are %d broken manifests and %d reasons, %v", len(files), len(broken), err)
	}
	for name, why := range broken {
		_, err := Parse(read(t, "broken/"+name+".json"))
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(invalid.Problems[0], why) {
			t.Errorf("%s: the problems are %q, want the first with %q", name, invalid.Problems, why)
		}
	}
}

func TestValidManifestsAreTaken(t *testing.T) {
	for _, name := range []string{"minimal", "rich"} {
		m, err := Parse(read(t, "valid/"+name+".json"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := m.Compatible("8.0.2"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequirementsThatAreNotMetAreNamed(t *testing.T) {
	rich := string(read(t, "valid/rich.json"))
	for change, why := range map[[2]string]string{
		{`"[7.0,)"`, `"[8.0.3,)"`}:                                         "requires vcenter.server [8.0.3,); this one is 8.0.2",
		{`"(6.7.0.0,9.0]"`, `"7.0.3"`}:                                     "requires vsphere.client 7.0.3; this one is 8.0.2",
		{`"plugin.api.version": "1.2.0"`, `"plugin.api.version": "9.9.9"`}: "requires plugin.api.version 9.9.9",
		{"\"onprem\"\n   ]", "\"cloud\"\n   ]"}:                            "requires vcenter.server in the environments cloud; this one is onprem",
	} {
		text := strings.Replace(rich, change[0], change[1], 1)
		m, err := Parse([]byte(text))
		if err != nil || text == rich {
			t.Errorf("%v: %v", change, err)
			continue
		}
		var incompatible *IncompatibleError
		if err := m.Compatible("8.0.2"); !errors.As(err, &incompatible) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v, want %q", change, err, why)
		}
	}
}

func TestVersionRanges(t *testing.T) {
	for _, c := range []struct {
		set, version string
		in           bool
	}{
		{"[7.0,)", "7.0", true}, {"[7.0,)", "6.7.0.9", false}, {"[7.0,)", "8.0.3", true}, {"(7.0,)", "7.0.0", false}, {"(7.0,)", "7.0.0.1", true},
		{"[7.0,8.0)", "8.0", false}, {"[7.0,8.0]", "8.0.0.0", true}, {"(,8.0]", "7.0.3", true}, {"8.0.2", "8.0.2", true}, {"8.0.2", "8.0.3", false},
	} {
		r, err := ParseRange(c.set)
		if err != nil {
			t.Error(err)
			continue
		}
		v, err := ParseVersion(c.version)
		if err != nil || r.Has(v) != c.in {
			t.Errorf("%s has %s: %t, %v", c.set, c.version, r.Has(v), err)
		}
	}
	for _, wrong := range []string{"", "7.x", "[7.0", "(,)", "[7.0,8.0,9.0]", ">=7.0"} {
		if _, err := ParseRange(wrong); err == nil {
			t.Errorf("%q is taken as a range", wrong)
		}
	}
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var data bytes.Buffer
	archive := zip.NewWriter(&data)
	for name, text := range files {
		f, err := archive.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

func TestOfAZipTheFirstUsableManifestIsTaken(t *testing.T) {
	rich := string(read(t, "valid/rich.json"))
	files := map[string]string{
		"plugin-multi-manifest.json": `{"manifestVersion": "1.0.0", "manifests": ["a.json", "b.json", "c.json"]}`,
		"a.json":                     string(read(t, "broken/comment.json")),
		"b.json":                     strings.Replace(rich, "[7.0,)", "[9.0,)", 1),
		"c.json":                     string(read(t, "valid/minimal.json")),
	}
	m, err := fromZip(zipped(t, files), "8.0.3")
	if err != nil || len(m.Objects) != 0 {
		t.Errorf("8.0.3 takes %+v, %v", m, err)
	}
	var incompatible *IncompatibleError
	if _, err := fromZip(zipped(t, files), "8.0.2"); !errors.As(err, &incompatible) {
		t.Errorf("8.0.2 stops at the first valid one, even if it is not compatible: %v", err)
	}
	delete(files, "c.json")
	if _, err := fromZip(zipped(t, files), "8.0.3"); err == nil || !strings.Contains(err.Error(), "has no c.json at its root") {
		t.Errorf("a missing manifest: %v", err)
	}
	if _, err := fromZip(zipped(t, nil), "8.0.3"); err == nil {
		t.Error("an empty zip is taken")
	}
}
