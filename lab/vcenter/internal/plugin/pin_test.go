package plugin

import (
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func TestPins(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	cert := server.Certificate()
	thumbprint := Thumbprint(cert.Raw)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	for name, c := range map[string][2]string{
		"thumbprint": {thumbprint, ""}, "lower case": {strings.ToLower(thumbprint), ""}, "certificate": {"", text}, "both": {thumbprint, strings.TrimSpace(text)},
	} {
		pin, err := NewPin("127.0.0.1", c[0], c[1])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := pin.check(cert); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := "00" + thumbprint[2:]
	for name, c := range map[string]struct{ host, thumbprint, certificate, why string }{
		"nothing":             {"127.0.0.1", "", "", "neither a serverThumbprint nor a serverCertificate"},
		"no colons":           {"127.0.0.1", strings.ReplaceAll(thumbprint, ":", ""), "", "pairs of hexadecimal digits with colons"},
		"a hidden character":  {"127.0.0.1", "\u200e" + thumbprint, "", "U+200E at position 1"},
		"too short":           {"127.0.0.1", thumbprint[:20], "", "has 7 bytes"},
		"another host":        {"plugin.example", "", text, "is not for \"plugin.example\""},
		"not together":        {"127.0.0.1", other, text, "update both together"},
		"long lines":          {"127.0.0.1", "", strings.Replace(text, "\n", "", 3), "one PEM block"},
		"lines of 63 columns": {"127.0.0.1", "", text[:90] + "\n" + text[90:], "64 columns"},
		"no certificate":      {"127.0.0.1", "", "hello", "one PEM block"},
	} {
		if _, err := NewPin(c.host, c.thumbprint, c.certificate); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
	pin, err := NewPin("127.0.0.1", other, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := pin.check(cert); err == nil || !strings.Contains(err.Error(), thumbprint) || !strings.Contains(err.Error(), other) {
		t.Errorf("a wrong certificate: %v", err)
	}
}

func TestRegistrations(t *testing.T) {
	thumbprint := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	good := func() *types.Extension {
		return &types.Extension{Key: "com.example.trial", Version: "1.0.0",
			Client: []types.ExtensionClientInfo{{Type: ClientType, Url: "https://h:8443/app/plugin.json"}},
			Server: []types.ExtensionServerInfo{
				{Type: "MANIFEST_SERVER", Url: "https://h:8443/app/plugin.json", ServerThumbprint: thumbprint},
				{Type: "AUX", Url: "https://aux/api/", ServerThumbprint: thumbprint}}}
	}
	servers, err := Servers(good(), false)
	if err != nil || len(servers) != 2 || servers[0].HostPort() != "h-8443" || servers[0].Directory() != "/app/" || servers[1].HostPort() != "aux-443" {
		t.Errorf("the servers are %+v, %v", servers, err)
	}
	for why, change := range map[string]func(*types.Extension){
		"must be in lower case":          func(e *types.Extension) { e.Key = "com.example.Trial" },
		"cannot be part of a path":       func(e *types.Extension) { e.Version = "1/0" },
		"has no server":                  func(e *types.Extension) { e.Server = nil },
		"it must be MANIFEST_SERVER":     func(e *types.Extension) { e.Server[0].Type = "HTTPS" },
		"which is not https://HOST:PORT": func(e *types.Extension) { e.Server[0].Url = "ftp://h/x" },
		"is not https; http is off here": func(e *types.Extension) { e.Server[1].Url = "http://h/" },
		"is not that of the manifest":    func(e *types.Extension) { e.Client[0].Url = "https://h:8443/other.json" },
		"neither a serverThumbprint":     func(e *types.Extension) { e.Server[1].ServerThumbprint = "" },
	} {
		e := good()
		change(e)
		if _, err := Servers(e, false); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
	plain := good()
	plain.Server[1].Url = "http://h/"
	if _, err := Servers(plain, true); err != nil {
		t.Errorf("http where it is allowed: %v", err)
	}
}
