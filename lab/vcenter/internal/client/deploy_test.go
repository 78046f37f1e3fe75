package client_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
)

func manifest(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/plugin/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDeploymentEndsInAStateWithItsReason(t *testing.T) {
	l := start(t, "onprem", `"version": "8.0.2",`+twoVMs, "")
	p := newTrial(t)
	for name, c := range map[string]struct{ manifest, thumbprint, state, why string }{
		"good":              {"", "", "deployed", ""},
		"another server":    {"", "00" + p.thumbprint[2:], "failed", "registered is 00:"},
		"a broken manifest": {strings.Replace(manifest(t), `"manifestVersion"`, `"_comment": "x", "manifestVersion"`, 1), "", "failed", "additional properties are not allowed"},
		"a newer vcenter":   {strings.Replace(manifest(t), `"[7.0,)"`, `"[9.0,)"`, 1), "", "incompatible", "requires vcenter.server [9.0,); this one is 8.0.2"},
		"something else":    {"<html>", "", "failed", "it is not JSON"},
		"an empty manifest": {"{}", "", "failed", `the property "requirements" is missing`},
	} {
		key := "com.example." + strings.ReplaceAll(name, " ", "")
		e := p.extension(key, "1.0.0")
		if c.thumbprint != "" {
			e.Server[0].ServerThumbprint = c.thumbprint
		}
		p.setManifest(manifest(t))
		if c.manifest != "" {
			p.setManifest(c.manifest)
		}
		l.register(e)
		found := l.checked(key)
		if len(found) != 1 || found[0].State != c.state || !strings.Contains(found[0].Error, c.why) {
			t.Errorf("%s: %+v, want %s with %q", name, found, c.state, c.why)
		}
		manager, err := object.GetExtensionManager(l.administrator().Client)
		if err == nil {
			err = manager.Unregister(l.ctx(), key)
		}
		if err != nil {
			t.Fatal(err)
		}
		if found := l.checked(key); len(found) != 0 {
			t.Errorf("%s: unregistered, it is still there", name)
		}
	}
	gone := newTrial(t)
	gone.Close()
	l.register(gone.extension("com.example.down", "1.0.0"))
	if found := l.checked("com.example.down"); len(found) != 1 || found[0].State != "failed" || !strings.Contains(found[0].Error, "cannot be downloaded from https://127.0.0.1") {
		t.Errorf("a server that is down: %+v", found)
	}
}

func TestAManifestIsKeptUntilItsVersionChanges(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	first := l.deploy(p)
	p.setManifest(strings.Replace(manifest(t), `"en-US": "Trial"`, `"en-US": "Second"`, 1))
	l.login(web(t))
	if found := l.checked(trialKey); !strings.Contains(string(found[0].Manifest), `"Trial"`) || found[0].ID != first.ID {
		t.Error("the same version has another content")
	}
	l.register(p.extension(trialKey, "1.0.1"))
	browser := web(t)
	l.login(browser) // looks for new versions
	var all struct{ Plugins []entry }
	l.api(browser, "plugins", &all)
	if len(all.Plugins) != 1 || all.Plugins[0].Version != "1.0.1" || !strings.Contains(string(all.Plugins[0].Manifest), `"Second"`) {
		t.Errorf("after a login the new version is %+v", all.Plugins)
	}
	if status := call(t, browser, http.MethodGet, l.origin()+first.Servers[0].ProxiedBaseURL+"/echo", "", nil, nil); status != http.StatusNotFound {
		t.Errorf("the old version's route has status %d", status)
	}
	p.setManifest(strings.Replace(manifest(t), `"en-US": "Trial"`, `"en-US": "Third"`, 1))
	l.admin(http.MethodDelete, "/client/cache", "", nil)
	if found := l.checked(trialKey); !strings.Contains(string(found[0].Manifest), `"Third"`) {
		t.Error("without a cache the manifest is not read anew")
	}
}

func TestARenewedCertificateNeedsAnUpdateOfTheRegistration(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	l.deploy(p)
	wrong := p.extension(trialKey, "1.0.0")
	wrong.Server[0].ServerThumbprint = "00" + p.thumbprint[2:]
	l.register(wrong)
	found := l.checked(trialKey)
	browser := web(t)
	address := l.origin() + found[0].Servers[0].ProxiedBaseURL + "/echo"
	if status := call(t, browser, http.MethodGet, address, "", nil, nil); status != http.StatusBadGateway {
		t.Errorf("through a wrong pin the server answers with status %d", status)
	}
	l.register(p.extension(trialKey, "1.0.0"))
	if after := l.checked(trialKey); after[0].ID != found[0].ID {
		t.Errorf("with another pin it is another instance: %s, %s", found[0].ID, after[0].ID)
	}
	if status := call(t, browser, http.MethodGet, address, "", nil, nil); status != http.StatusOK {
		t.Errorf("through the right pin the server answers with status %d", status)
	}
}

func TestTheListHasTheServersBehindTheProxy(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	found := l.deploy(p)
	base := fmt.Sprintf("/plugins/%s~1.0.0~1/%s", trialKey, hostPort(t, p.URL))
	if s := found.Servers; len(s) != 1 || s[0].ProxiedBaseURL != base || s[0].ProxiedURL != base+"/app/" || s[0].Type != "MANIFEST_SERVER" {
		t.Errorf("the servers are %+v", found.Servers)
	}
}
