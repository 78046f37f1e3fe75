package client_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/vim25/soap"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

// serveConfig makes the test program serve a vCenter instead of testing: the
// simulator has package variables, so that each vCenter is a process.
const serveConfig = "LAB_TEST_SERVE_CONFIG"

func TestMain(m *testing.M) {
	if text := os.Getenv(serveConfig); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve(text string) error {
	cfg, err := config.Parse([]byte(text))
	if err != nil {
		return err
	}
	s, err := site.New(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Start(); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(s.Ready()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// lab is one vCenter in a process of its own.
type lab struct {
	site.Ready
	t *testing.T
}

const password = "secret"

// start runs a vCenter with a client; further are more keys of its
// configuration, and of the client's.
func start(t *testing.T, name, further, ofClient string) *lab {
	t.Helper()
	pages, err := filepath.Abs("../../../client")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"name": %q, "dir": %q, "password": %q, %s "client": {%s "dir": %q}}`, name, t.TempDir(), password, further, ofClient, pages)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveConfig+"="+text)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	l := &lab{t: t}
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&l.Ready); err != nil {
		t.Fatalf("%s does not start: %v", name, err)
	}
	return l
}

const twoVMs = `"inventory": {"datacenters": [{"name": "DC0", "folders": ["Prod"], "clusters": [{"name": "C0", "drs": true, "pools": ["Gold"]}]}],
	"vms": [{"name": "web-01", "folder": "Prod"}, {"name": "web-02", "folder": "Prod", "pool": "Gold"}, {"name": "db-01"}]},`

// web is a browser as far as HTTP goes; it trusts any certificate.
func web(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// call sends JSON and reads JSON; it returns the status.
func call(t *testing.T, c *http.Client, method, address, body string, header map[string]string, into any) int {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("%s %s: %s: %q: %v", method, address, res.Status, data, err)
		}
	}
	return res.StatusCode
}

// origin is https://HOST:PORT.
func (l *lab) origin() string { return strings.TrimSuffix(l.ClientURL, "/ui/") }

func (l *lab) api(c *http.Client, path string, into any) int {
	l.t.Helper()
	return call(l.t, c, http.MethodGet, l.ClientURL+"api/"+path, "", nil, into)
}

// login logs a browser in and returns the session's token.
func (l *lab) login(c *http.Client) string {
	l.t.Helper()
	body := fmt.Sprintf(`{"user": %q, "password": %q, "locale": "en-US"}`, l.User, password)
	if status := call(l.t, c, http.MethodPost, l.ClientURL+"api/login", body, nil, nil); status != http.StatusOK {
		l.t.Fatalf("the login has status %d", status)
	}
	var info struct{ SessionToken string }
	l.api(c, "session-info", &info)
	return info.SessionToken
}

// admin calls the admin API.
func (l *lab) admin(method, path, body string, into any) {
	l.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + l.AdminToken}
	if status := call(l.t, http.DefaultClient, method, l.AdminURL+path, body, header, into); status != http.StatusOK {
		l.t.Fatalf("admin %s %s: status %d", method, path, status)
	}
}

// soap returns a vSphere client without a session.
func (l *lab) soap() *govmomi.Client {
	l.t.Helper()
	u, err := soap.ParseURL(l.URL)
	if err != nil {
		l.t.Fatal(err)
	}
	u.User = nil
	client, err := govmomi.NewClient(l.ctx(), u, true)
	if err != nil {
		l.t.Fatal(err)
	}
	return client
}

// administrator returns a logged-in vSphere client.
func (l *lab) administrator() *govmomi.Client {
	l.t.Helper()
	client := l.soap()
	if err := client.Login(l.ctx(), url.UserPassword(l.User, password)); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = client.Logout(context.Background()) })
	return client
}

func (l *lab) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	l.t.Cleanup(cancel)
	return ctx
}
