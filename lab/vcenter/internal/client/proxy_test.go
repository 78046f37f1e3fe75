package client_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// echoed is a request as the plug-in server saw it.
type echoed struct {
	Method, URI, Body, Proto string
	Header                   http.Header
}

// proxied is a lab with the trial deployed, and the trial's address behind the proxy.
func proxied(t *testing.T) (*lab, string) {
	t.Helper()
	l := start(t, "onprem", twoVMs, "")
	return l, l.origin() + l.deploy(newTrial(t)).Servers[0].ProxiedBaseURL
}

func TestTheProxyPassesRequestsOnAsTheyAre(t *testing.T) {
	l, base := proxied(t)
	browser := web(t)
	l.login(browser)
	origin, _ := url.Parse(l.origin())
	browser.Jar.SetCookies(origin, []*http.Cookie{{Name: "theirs", Value: "1"}})
	var got echoed
	header := map[string]string{"vmware-api-session-id": "token", "X-Odd": "odd", "Accept-Encoding": "br"}
	if status := call(t, browser, http.MethodPost, base+"/echo/a%2Fb/c%20d?x=1%262", "body", header, &got); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if got.Method != "POST" || got.URI != "/echo/a%2Fb/c%20d?x=1%262" || got.Body != "body" {
		t.Errorf("it arrives as %+v", got)
	}
	if got.Header.Get("Vmware-Api-Session-Id") != "token" || got.Header.Get("X-Odd") != "odd" || got.Header.Get("Accept-Encoding") != "br" {
		t.Errorf("the headers arrive as %v", got.Header)
	}
	if cookie := got.Header.Get("Cookie"); cookie != "theirs=1" {
		t.Errorf("the cookies arrive as %q", cookie)
	}
	names := ""
	below, _ := url.Parse(base + "/echo/a%2Fb/")
	for _, c := range browser.Jar.Cookies(below) {
		names += c.Name + "=" + c.Value + " "
	}
	if strings.Contains(names, "stolen") || !strings.Contains(names, "own=kept") {
		t.Errorf("a plug-in server's cookies are %s", names)
	}
}

func TestTheProxyGoesNowhereElse(t *testing.T) {
	l, base := proxied(t)
	browser := web(t)
	route := strings.TrimPrefix(base, l.origin())
	parts := strings.Split(route, "/")
	for _, path := range []string{
		"/plugins/com.example.other~1.0.0~1/" + parts[3] + "/echo", "/plugins/" + parts[2] + "/127.0.0.1-1/echo", "/plugins/" + parts[2] + "/127.0.0.1-443@evil/echo",
		"/plugins/" + parts[2] + "/", "/plugins/" + parts[2], "/plugins/", route, "/plugins/" + parts[2] + "%2f" + parts[3] + "/echo",
	} {
		if status := call(t, browser, http.MethodGet, l.origin()+path, "", nil, nil); status != http.StatusNotFound {
			t.Errorf("%s has status %d", path, status)
		}
	}
	// The path of a request never names another server.
	res, err := browser.Get(base + "//evil.example/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusTemporaryRedirect || to != "/evil.example/echo" {
		t.Errorf("a path with another host in it has status %s and leads to %q; it is for the plug-in server to tidy up", res.Status, to)
	}
}

func TestTheProxysModes(t *testing.T) {
	l, base := proxied(t)
	browser := web(t)
	read := func() (got echoed) {
		t.Helper()
		call(t, browser, http.MethodPost, base+"/echo", "body", map[string]string{"Accept-Encoding": "gzip", "X-Odd": "odd", "Idempotency-Key": "k", "If-None-Match": "e"}, &got)
		return got
	}
	if got := read(); got.Proto != "HTTP/1.1" || got.Header.Get("Accept-Encoding") != "gzip" {
		t.Errorf("at first it arrives as %+v", got)
	}
	l.admin(http.MethodPut, "/client/proxy", `{"http1_only": false, "drop_accept_encoding": true, "strip_unknown_headers": true}`, nil)
	got := read()
	if got.Proto != "HTTP/2.0" || got.Header.Get("Accept-Encoding") != "" || got.Header.Get("X-Odd") != "" {
		t.Errorf("in other modes it arrives as %+v", got)
	}
	if got.Header.Get("Idempotency-Key") != "k" || got.Header.Get("If-None-Match") != "e" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers that are known arrive as %v", got.Header)
	}
	var mode map[string]any
	if l.admin(http.MethodGet, "/client/proxy", "", &mode); mode["http1_only"] != false || mode["idle_timeout_seconds"] != 30.0 {
		t.Errorf("the modes are %v", mode)
	}
	header := map[string]string{"Authorization": "Bearer " + l.AdminToken}
	if status := call(t, http.DefaultClient, http.MethodPut, l.AdminURL+"/client/proxy", `{"bufer": true}`, header, nil); status != http.StatusBadRequest {
		t.Errorf("a misspelt mode has status %d", status)
	}
}

func TestBrowsersGetHTTP2OnlyIfTheModeHasIt(t *testing.T) {
	l, _ := proxied(t)
	protocol := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(l.origin(), "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().NegotiatedProtocol
	}
	if got := protocol(); got == "h2" {
		t.Error("HTTP/2 is offered")
	}
	l.admin(http.MethodPut, "/client/proxy", `{"http1_only": false}`, nil)
	if got := protocol(); got != "h2" {
		t.Errorf("offered is %q", got)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(l.ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusOK {
		t.Errorf("the page comes by %s with %s", res.Proto, res.Status)
	}
}

// ticking reads the lines of /ticks as they come.
func ticking(browser *http.Client, base string) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		res, err := browser.Get(base + "/ticks")
		if err != nil {
			return
		}
		defer res.Body.Close()
		for scanner := bufio.NewScanner(res.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

func TestResponsesStreamUnlessTheyAreBuffered(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	p := newTrial(t)
	base := l.origin() + l.deploy(p).Servers[0].ProxiedBaseURL
	browser := web(t)
	lines := ticking(browser, base)
	for n := range 3 {
		p.tick <- struct{}{}
		select {
		case got := <-lines:
			if got != fmt.Sprintf("tick %d", n) {
				t.Fatalf("line %d is %q", n, got)
			}
		case <-time.After(patience):
			t.Fatalf("line %d does not come while the response goes on", n)
		}
	}
	for range lines {
	}
	l.admin(http.MethodPut, "/client/proxy", `{"buffer_responses": true}`, nil)
	lines = ticking(browser, base)
	for range 2 {
		p.tick <- struct{}{}
	}
	select {
	case got := <-lines:
		t.Errorf("%q comes before the response is complete", got)
	case p.tick <- struct{}{}:
	}
	if got := <-lines; got != "tick 0" {
		t.Errorf("a buffered response starts with %q", got)
	}
	for range lines {
	}
}

func TestIdleResponsesAreCut(t *testing.T) {
	l, base := proxied(t)
	browser := web(t)
	l.admin(http.MethodPut, "/client/proxy", `{"idle_timeout_seconds": 1}`, nil)
	begun := time.Now()
	res, err := browser.Get(base + "/silence")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil || string(body) != "something\n" {
		t.Errorf("a silent response ends well with %q", body)
	}
	if took := time.Since(begun); took < time.Second || took > patience {
		t.Errorf("it was cut after %s", took)
	}
	l.admin(http.MethodPut, "/client/proxy", `{"idle_timeout_seconds": 1, "buffer_responses": true}`, nil)
	if status := call(t, browser, http.MethodGet, base+"/silence", "", nil, nil); status != http.StatusGatewayTimeout {
		t.Errorf("a silent response that is buffered has status %d", status)
	}
}

// dialSocket opens a WebSocket, and returns the connection behind it.
func dialSocket(t *testing.T, base string) (*tls.Conn, *bufio.Reader) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s/socket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", u.Path, u.Host)
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The value of RFC 6455, section 1.3.
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("the handshake ends with %s, %v", res.Status, res.Header)
	}
	return conn, reader
}

func TestWebSocketsPassAndAreCutWhenIdle(t *testing.T) {
	l, base := proxied(t)
	for _, mode := range []string{`{"idle_timeout_seconds": 1}`, `{"idle_timeout_seconds": 1, "http1_only": false, "strip_unknown_headers": true, "buffer_responses": true}`} {
		l.admin(http.MethodPut, "/client/proxy", mode, nil)
		conn, reader := dialSocket(t, base)
		for _, line := range []string{"one\n", "two\n"} {
			if _, err := io.WriteString(conn, line); err != nil {
				t.Fatal(err)
			}
			if got, err := reader.ReadString('\n'); got != line {
				t.Errorf("%s: %q comes back as %q, %v", mode, line, got, err)
			}
		}
		if got, err := reader.ReadByte(); err == nil {
			t.Errorf("%s: an idle socket says %q", mode, got)
		} else if timeout, is := err.(interface{ Timeout() bool }); is && timeout.Timeout() {
			t.Errorf("%s: an idle socket is not cut", mode)
		}
	}
}

func TestAdminNeedsTheToken(t *testing.T) {
	l := start(t, "onprem", twoVMs, "")
	var answer json.RawMessage
	if status := call(t, http.DefaultClient, http.MethodGet, l.AdminURL+"/client/sessions", "", nil, &answer); status != http.StatusUnauthorized {
		t.Errorf("without the token the sessions have status %d: %s", status, answer)
	}
}
