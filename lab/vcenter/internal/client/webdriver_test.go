package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// driver speaks WebDriver (https://www.w3.org/TR/webdriver2/) with one browser.
type driver struct {
	t       *testing.T
	session string
}

const patience = 20 * time.Second

// toDriver gives up on a browser that hangs.
var toDriver = &http.Client{Timeout: 3 * patience}

// newDriver starts chromedriver and a headless Chromium without a profile.
func newDriver(t *testing.T) *driver {
	t.Helper()
	binary, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("chromedriver is not installed (Debian: chromium-driver)")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	cmd := exec.Command(binary, fmt.Sprintf("--port=%d", port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	d := &driver{t: t, session: fmt.Sprintf("http://127.0.0.1:%d", port)}
	d.until("chromedriver answers", func() bool {
		res, err := toDriver.Get(d.session + "/status")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	var made struct{ SessionID string }
	d.must("POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"acceptInsecureCerts": true, "goog:loggingPrefs": map[string]string{"browser": "ALL"},
		"goog:chromeOptions": map[string]any{"args": []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--window-size=1280,800", "--user-data-dir=" + t.TempDir()}},
	}}}, &made)
	d.session += "/session/" + made.SessionID
	t.Cleanup(func() { _ = d.call("DELETE", "", nil, nil) })
	return d
}

func (d *driver) call(method, path string, body, into any) error {
	var reader bytes.Buffer
	if method == "POST" {
		if body == nil {
			body = struct{}{}
		}
		if err := json.NewEncoder(&reader).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, d.session+path, &reader)
	if err != nil {
		return err
	}
	res, err := toDriver.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, answer.Value)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, into)
}

func (d *driver) must(method, path string, body, into any) {
	d.t.Helper()
	if err := d.call(method, path, body, into); err != nil {
		d.t.Fatal(err)
	}
}

// until waits with a deadline.
func (d *driver) until(what string, is func() bool) {
	d.t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			d.screenshot("failed")
			d.t.Fatalf("after %s it is not true that %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (d *driver) open(address string) {
	d.t.Helper()
	d.must("POST", "/url", map[string]string{"url": address}, nil)
}

// run executes a script in the current frame.
func (d *driver) run(script string, into any, args ...any) {
	d.t.Helper()
	if args == nil {
		args = []any{}
	}
	d.must("POST", "/execute/sync", map[string]any{"script": script, "args": args}, into)
}

// find waits for an element that is displayed.
func (d *driver) find(css string) string {
	d.t.Helper()
	var id string
	d.until(css+" is there", func() bool {
		var found map[string]string
		if d.call("POST", "/element", map[string]string{"using": "css selector", "value": css}, &found) != nil {
			return false
		}
		for _, id = range found {
			var shown bool
			return d.call("GET", "/element/"+id+"/displayed", nil, &shown) == nil && shown
		}
		return false
	})
	return id
}

func testid(id string) string { return `[data-testid="` + id + `"]` }

func (d *driver) click(css string) {
	d.t.Helper()
	d.until(css+" can be clicked", func() bool {
		return d.call("POST", "/element/"+d.find(css)+"/click", nil, nil) == nil
	})
}

func (d *driver) write(css, text string) {
	d.t.Helper()
	d.must("POST", "/element/"+d.find(css)+"/value", map[string]string{"text": text}, nil)
}

func (d *driver) text(css string) string {
	var text string
	_ = d.call("GET", "/element/"+d.find(css)+"/text", nil, &text)
	return text
}

// shows waits until an element has this text.
func (d *driver) shows(css, want string) {
	d.t.Helper()
	var got string
	deadline := time.Now().Add(patience)
	for {
		if got = d.text(css); got == want {
			return
		}
		if time.Now().After(deadline) {
			d.screenshot("failed")
			d.t.Errorf("%s shows %q, want %q", css, got, want)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (d *driver) count(css string) (n int) {
	d.run("return document.querySelectorAll(arguments[0]).length", &n, css)
	return n
}

// frame goes into a frame; "" goes back to the page.
func (d *driver) frame(css string) {
	d.t.Helper()
	if css == "" {
		d.must("POST", "/frame", map[string]any{"id": nil}, nil)
		return
	}
	d.until("the frame "+css+" can be entered", func() bool {
		element := map[string]string{"element-6066-11e4-a52e-4f735466cecf": d.find(css)}
		return d.call("POST", "/frame", map[string]any{"id": element}, nil) == nil
	})
}

// pointer presses a button of the mouse over an element, with keys held down.
func (d *driver) pointer(css string, button int, keys ...string) {
	d.t.Helper()
	origin := map[string]string{"element-6066-11e4-a52e-4f735466cecf": d.find(css)}
	pause := map[string]any{"type": "pause"}
	var press, held []any
	for _, key := range keys {
		press = append(press, map[string]any{"type": "keyDown", "value": key})
		held = append(held, pause)
	}
	press = append(press, pause, pause, pause)
	held = append(held, map[string]any{"type": "pointerMove", "origin": origin, "x": 0, "y": 0},
		map[string]any{"type": "pointerDown", "button": button}, map[string]any{"type": "pointerUp", "button": button})
	d.must("POST", "/actions", map[string]any{"actions": []any{
		map[string]any{"type": "key", "id": "keys", "actions": press},
		map[string]any{"type": "pointer", "id": "mouse", "actions": held},
	}}, nil)
	d.must("DELETE", "/actions", nil, nil)
}

// keys types keys where the focus is.
func (d *driver) keys(keys ...string) {
	d.t.Helper()
	var actions []any
	for _, key := range keys {
		actions = append(actions, map[string]any{"type": "keyDown", "value": key}, map[string]any{"type": "keyUp", "value": key})
	}
	d.must("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keys", "actions": actions}}}, nil)
}

// screenshot keeps a picture in the directory LAB_SCREENS, if that is set.
func (d *driver) screenshot(name string) {
	dir := os.Getenv("LAB_SCREENS")
	if dir == "" {
		return
	}
	var picture string
	if d.call("GET", "/screenshot", nil, &picture) != nil {
		return
	}
	data, err := base64.StdEncoding.DecodeString(picture)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644)
	}
	if err != nil {
		d.t.Log(err)
	}
}

// problems are the errors and violations in the browser's console so far.
func (d *driver) problems() (all []string) {
	var entries []struct{ Level, Message string }
	d.must("POST", "/se/log", map[string]string{"type": "browser"}, &entries)
	for _, e := range entries {
		if e.Level == "SEVERE" {
			all = append(all, e.Message)
		}
	}
	return all
}
