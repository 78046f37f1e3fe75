package client_test

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/plugin"
)

const trialKey = "com.example.trial"

// trial is a plug-in server that tells what it is asked.
type trial struct {
	*httptest.Server
	thumbprint string
	// tick lets /ticks send its next line.
	tick chan struct{}

	mu       sync.Mutex
	manifest []byte
	queries  []query
	answers  map[string]string
}

// query is one dynamic query as it arrived.
type query struct {
	Path   string
	Header http.Header
	Body   struct {
		APIVersion string   `json:"apiVersion"`
		ObjectIDs  []string `json:"objectIds"`
		Locale     string   `json:"locale"`
	}
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	p := &trial{tick: make(chan struct{}), answers: map[string]string{
		"/app/dyn/monitor": `{"apiVersion":"1.0.0","dynamicItems":[{"id":"cl.dyn","visible":true},{"id":"cl.hidden","visible":false}]}`,
		"/app/dyn/menu":    `{"apiVersion":"1.0.0","dynamicItems":[{"id":"run","visible":true,"relevant":true},{"id":"stop","visible":false,"relevant":true},{"id":"gone","visible":false,"relevant":false}]}`,
	}}
	mux := http.NewServeMux()
	mux.Handle("/app/", http.StripPrefix("/app", http.FileServer(http.Dir("testdata/plugin"))))
	mux.HandleFunc("GET /app/plugin.json", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		manifest := p.manifest
		p.mu.Unlock()
		if manifest == nil {
			http.ServeFile(w, r, "testdata/plugin/plugin.json")
			return
		}
		_, _ = w.Write(manifest)
	})
	mux.HandleFunc("POST /app/dyn/", p.dynamic)
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		http.SetCookie(w, &http.Cookie{Name: "LAB-VSPHERE-CLIENT", Value: "stolen"})
		http.SetCookie(w, &http.Cookie{Name: "own", Value: "kept"})
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "header": r.Header, "body": string(body), "proto": r.Proto})
	}
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/echo/", echo)
	mux.HandleFunc("/ticks", func(w http.ResponseWriter, r *http.Request) {
		for n := range 3 {
			select {
			case <-p.tick:
			case <-r.Context().Done():
				return
			}
			fmt.Fprintf(w, "tick %d\n", n)
			_ = http.NewResponseController(w).Flush()
		}
	})
	mux.HandleFunc("/silence", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "something\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/socket", socket)
	p.Server = httptest.NewUnstartedServer(mux)
	p.EnableHTTP2 = true
	p.TLS = &tls.Config{}
	p.StartTLS()
	t.Cleanup(p.Close)
	p.thumbprint = plugin.Thumbprint(p.Certificate().Raw)
	return p
}

func (p *trial) dynamic(w http.ResponseWriter, r *http.Request) {
	q := query{Path: r.URL.Path, Header: r.Header}
	if err := json.NewDecoder(r.Body).Decode(&q.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.queries = append(p.queries, q)
	answer := p.answers[r.URL.Path]
	p.mu.Unlock()
	_, _ = io.WriteString(w, answer)
}

func (p *trial) asked() []query {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]query(nil), p.queries...)
}

func (p *trial) setManifest(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manifest = []byte(text)
}

// socket is a WebSocket server that sends back what it gets, byte for byte.
func socket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "no WebSocket", http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	_ = rw.Flush()
	_, _ = io.Copy(conn, rw)
}

func (p *trial) extension(key, version string) types.Extension {
	d := &types.Description{Label: "Trial", Summary: "A plug-in for tests"}
	address := p.URL + "/app/plugin.json"
	return types.Extension{Key: key, Version: version, Company: "Example", Description: d, LastHeartbeatTime: time.Now(),
		Client: []types.ExtensionClientInfo{{Type: plugin.ClientType, Url: address, Version: version, Company: "Example", Description: d}},
		Server: []types.ExtensionServerInfo{{Type: "MANIFEST_SERVER", Url: address, Company: "Example", AdminEmail: []string{"a@example.com"}, Description: d, ServerThumbprint: p.thumbprint}}}
}

// register registers an extension, or updates it.
func (l *lab) register(e types.Extension) {
	l.t.Helper()
	manager, err := object.GetExtensionManager(l.administrator().Client)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := manager.Register(l.ctx(), e); err == nil {
		return
	}
	if err := manager.Update(l.ctx(), e); err != nil {
		l.t.Fatal(err)
	}
}

// entry is a plug-in as the page is told of it.
type entry struct {
	ID, Key, Version, State, Error string
	VCenters                       []string
	Servers                        []struct{ Type, ProxiedURL, ProxiedBaseURL string }
	Manifest                       json.RawMessage
}

// checked looks for plug-ins and returns those of a key.
func (l *lab) checked(key string) []entry {
	l.t.Helper()
	var all struct{ Plugins []entry }
	l.admin(http.MethodPost, "/client/plugins/check", "", &all)
	var found []entry
	for _, p := range all.Plugins {
		if p.Key == key {
			found = append(found, p)
		}
	}
	return found
}

// deploy registers the trial and returns it deployed.
func (l *lab) deploy(p *trial) entry {
	l.t.Helper()
	l.register(p.extension(trialKey, "1.0.0"))
	found := l.checked(trialKey)
	if len(found) != 1 || found[0].State != "deployed" {
		l.t.Fatalf("the trial is %+v", found)
	}
	return found[0]
}

func hostPort(t *testing.T, address string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(address, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	return host + "-" + port
}
