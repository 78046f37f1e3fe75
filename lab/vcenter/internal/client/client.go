// Package client is the server side of the stand-in of the vSphere Client. It
// runs in the vCenter's process and behind its listener, as the vSphere Client
// does, and knows the vCenters only by their API.
//
//	browser ─┬─ /ui/…                    pages, and their JSON at /ui/api/…
//	         ├─ /api/ui/htmlClientSdk.js what plug-in frames load
//	         ├─ /plugins/KEY~VER~N/H-P/… proxy ──► plug-in server (pinned)
//	plug-in ─┴─ /api/ui/vcenter/session/clone-ticket
//	            │
//	            └─ SOAP, as the user ──► this vCenter and those linked to it
package client

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
)

// Options are what the client needs of its vCenter.
type Options struct {
	Config config.Client
	// Name, GUID and Version are the vCenter's own.
	Name, GUID, Version string
	// User and Password are the account that reads linked vCenters' plug-ins.
	User, Password string
	// URL and SHA256 are where the vCenter's API is, once it listens.
	URL    func() string
	SHA256 string
	// Extensions are those of the vCenter.
	Extensions func() []types.Extension
	// DropTickets makes every clone ticket of the vCenter worthless.
	DropTickets func()
}

// Faults are switched on by tests.
type Faults struct {
	// SessionInfoNull and BackendInfoNull make the SDK's getSessionInfo and
	// getPluginBackendInfo call back with null.
	SessionInfoNull bool `json:"session_info_null"`
	BackendInfoNull bool `json:"backend_info_null"`
}

// Client serves the vSphere Client's pages. Make it with New.
type Client struct {
	opts     Options
	sessions *sessions
	plugins  *deployments
	proxy    *proxy
	mux      *http.ServeMux

	mu     sync.Mutex
	linked []config.LinkedVCenter
	faults Faults
	// learned are the instance UUIDs of linked vCenters, by URL.
	learned map[string]string
}

// New returns a client that has no plug-in yet.
func New(opts Options) *Client {
	c := &Client{opts: opts, sessions: newSessions(), mux: http.NewServeMux(),
		plugins: newDeployments(opts.Version, opts.Config.AllowHTTP),
		linked:  opts.Config.Linked, learned: make(map[string]string)}
	c.proxy = newProxy(c.plugins.find, opts.Config.Proxy)
	c.routes()
	return c
}

// loginCheckLimit is how long a login waits for plug-ins to be deployed. What
// takes longer goes on, and the page tells when it is there.
const loginCheckLimit = 3 * time.Second

// Start looks for plug-ins, as the vSphere Client does when it starts; a restart
// keeps no manifest.
func (c *Client) Start() {
	c.plugins.forgetCache()
	go c.CheckPlugins(context.Background())
}

// Close ends what the client holds open.
func (c *Client) Close() {
	for _, s := range c.sessions.all() {
		c.end(s)
	}
	c.proxy.close()
}

// Owns tells whether a path is the client's.
func (c *Client) Owns(path string) bool {
	for _, prefix := range []string{"/ui/", "/api/ui/", "/plugins/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return path == "/ui" || path == "/"
}

// OffersHTTP2 tells whether browsers may speak HTTP/2.
func (c *Client) OffersHTTP2() bool { return !c.proxy.settings().IsHTTP1Only() }

func (c *Client) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, proxyPrefix) {
		// A ServeMux would tidy paths up, which are the plug-in server's affair.
		c.proxy.ServeHTTP(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}

const sdkFile = "/sdk/htmlClientSdk.js"

func (c *Client) routes() {
	files := http.FileServerFS(os.DirFS(c.opts.Config.Dir))
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'")
		files.ServeHTTP(w, r)
	}
	c.mux.Handle("GET /{$}", http.RedirectHandler("/ui/", http.StatusFound))
	c.mux.Handle("GET /ui", http.RedirectHandler("/ui/", http.StatusFound))
	c.mux.Handle("GET /ui/", http.StripPrefix("/ui", http.HandlerFunc(page)))
	c.mux.HandleFunc("GET /api/ui/htmlClientSdk.js", func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = sdkFile
		page(w, r)
	})
	c.mux.HandleFunc("POST /api/ui/vcenter/session/clone-ticket", c.cloneTicket)
	c.mux.HandleFunc("POST /ui/api/login", c.login)
	c.mux.HandleFunc("GET /ui/api/session", c.whoAmI)
	for pattern, do := range map[string]func(*http.Request, *session) (any, error){
		"POST /ui/api/logout":        c.logout,
		"GET /ui/api/session-info":   c.sessionInfo,
		"GET /ui/api/backend-info":   c.backendInfo,
		"GET /ui/api/plugins":        c.listPlugins,
		"POST /ui/api/plugins/check": c.checkPlugins,
		"GET /ui/api/children":       c.children,
		"GET /ui/api/object":         c.object,
		"GET /ui/api/vms":            c.vms,
		"GET /ui/api/search":         c.search,
		"GET /ui/api/tasks":          c.tasks,
		"GET /ui/api/events":         c.events,
		"POST /ui/api/power":         c.power,
	} {
		c.mux.HandleFunc(pattern, c.withSession(do))
	}
}

const maxBody = 64 << 10

// refusal is an answer that is no success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

// withSession serves JSON to those who are logged in.
func (c *Client) withSession(do func(*http.Request, *session) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := c.sessions.ofCookie(r)
		if s == nil {
			answer(w, nil, &refusal{http.StatusUnauthorized, "You are not logged in, or your session has ended."})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := do(r, s)
		if ended(err) {
			c.sessions.remove(s)
			go c.end(s) // a linked vCenter may take its time
			err = &refusal{http.StatusUnauthorized, "Your session has ended. Log in again."}
		}
		answer(w, result, err)
	}
}

func answer(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		status := http.StatusBadGateway
		var r *refusal
		if errors.As(err, &r) {
			status = r.status
		}
		w.WriteHeader(status)
		result = map[string]string{"error": err.Error()}
	}
	if err := json.NewEncoder(w).Encode(result); err != nil {
		log.Printf("client: writing an answer: %v", err)
	}
}

// readJSON reads a request of the page. Only a page of this origin can send JSON.
func readJSON(r *http.Request, into any) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "The request's body must be application/json."}
	}
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return &refusal{http.StatusBadRequest, "The request's body cannot be read: " + err.Error()}
	}
	return nil
}
