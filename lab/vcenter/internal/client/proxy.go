package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/plugin"
)

const (
	proxyPrefix = "/plugins/"
	// maxBuffered is the largest response in the mode that buffers responses.
	maxBuffered = 64 << 20
	// maxTransports are kept, one per pinned server; then all are made anew.
	maxTransports = 200
)

// keptHeaders pass in the mode that strips unknown request headers.
var keptHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Encoding",
	"Content-Length", "Content-Type", "Cookie", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match",
	"Last-Event-Id", "Origin", "Pragma", "Range", "Referer", "Sec-Websocket-Extensions", "Sec-Websocket-Key",
	"Sec-Websocket-Protocol", "Sec-Websocket-Version", "Te", "Trailer", "Upgrade", "User-Agent", "Vmware-Api-Session-Id",
}

// proxy passes /plugins/KEY~VERSION~N/HOST-PORT/… on to that server of that
// deployed plug-in, and to nothing else. It asks for no session: a plug-in
// server has to check the token of whoever calls.
type proxy struct {
	find    func(id string) *Instance
	reverse *httputil.ReverseProxy

	mu         sync.Mutex
	mode       config.ClientProxy
	transports map[*plugin.Pin]*http.Transport
}

type targetKey struct{}

// target goes with a request through the reverse proxy.
type target struct {
	server plugin.Server
	// path is what follows HOST-PORT, as the browser escaped it.
	path string
	mode config.ClientProxy
	// idle ends the request when nothing has passed for too long.
	idle *idleTimer
}

func newProxy(find func(id string) *Instance, mode config.ClientProxy) *proxy {
	p := &proxy{find: find, mode: mode, transports: make(map[*plugin.Pin]*http.Transport)}
	p.reverse = &httputil.ReverseProxy{
		Rewrite: rewrite, ModifyResponse: modify, Transport: p, FlushInterval: -1,
		ErrorHandler: failed, ErrorLog: log.New(io.Discard, "", 0),
	}
	return p
}

func (p *proxy) settings() config.ClientProxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}

// setSettings applies to requests from now on.
func (p *proxy) setSettings(mode config.ClientProxy) {
	p.mu.Lock()
	p.mode = mode
	p.mu.Unlock()
	p.close()
}

// close drops idle connections; running requests end by themselves.
func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
	clear(p.transports)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, err := p.target(r.URL.EscapedPath())
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	to.idle = newIdleTimer(time.Duration(to.mode.IdleTimeoutSeconds)*time.Second, cancel)
	defer to.idle.stop()
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(ctx, targetKey{}, to)))
}

// target finds the server of a path.
func (p *proxy) target(escaped string) (*target, error) {
	parts := strings.SplitN(strings.TrimPrefix(escaped, proxyPrefix), "/", 3)
	id, err := url.PathUnescape(parts[0])
	instance := p.find(id)
	if err != nil || instance == nil {
		return nil, fmt.Errorf("no plug-in %q is deployed", id)
	}
	if len(parts) == 3 {
		for _, server := range instance.Servers {
			if server.HostPort() == parts[1] {
				return &target{server: server, path: "/" + parts[2], mode: p.settings()}, nil
			}
		}
	}
	return nil, fmt.Errorf("the plug-in %q has no such server registered", id)
}

func targetOf(r *http.Request) *target {
	to, _ := r.Context().Value(targetKey{}).(*target)
	return to
}

func rewrite(pr *httputil.ProxyRequest) {
	to := targetOf(pr.In)
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.Host = to.server.URL.Scheme, to.server.URL.Host, ""
	out.URL.RawPath = to.path
	// The path was parsed before, as part of a longer one.
	out.URL.Path, _ = url.PathUnescape(to.path)
	out.URL.RawQuery = pr.In.URL.RawQuery
	stripCookie(out.Header)
	if to.mode.StripUnknownHeaders {
		for name := range out.Header {
			if !slices.Contains(keptHeaders, name) {
				out.Header.Del(name)
			}
		}
	}
	if to.mode.DropAcceptEncoding {
		out.Header.Del("Accept-Encoding")
	}
	if out.Body != nil {
		out.Body = to.idle.watch(out.Body)
	}
}

// stripCookie keeps the client's own cookie from plug-in servers.
func stripCookie(header http.Header) {
	cookies := (&http.Request{Header: header}).Cookies()
	header.Del("Cookie")
	for _, c := range cookies {
		if c.Name != cookieName {
			header.Add("Cookie", c.Name+"="+c.Value)
		}
	}
	if all := header.Values("Cookie"); len(all) > 1 {
		header.Set("Cookie", strings.Join(all, "; "))
	}
}

func modify(res *http.Response) error {
	to := targetOf(res.Request)
	cookies := res.Header.Values("Set-Cookie")
	res.Header.Del("Set-Cookie")
	for _, c := range cookies {
		if !strings.HasPrefix(strings.TrimSpace(c), cookieName+"=") {
			res.Header.Add("Set-Cookie", c)
		}
	}
	res.Body = to.idle.watch(res.Body)
	if !to.mode.BufferResponses || res.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	defer res.Body.Close()
	all, err := io.ReadAll(io.LimitReader(res.Body, maxBuffered+1))
	if err != nil {
		return fmt.Errorf("the response did not arrive whole: %w", err)
	}
	if len(all) > maxBuffered {
		return fmt.Errorf("the response is larger than the %d bytes this proxy buffers", maxBuffered)
	}
	res.Body = io.NopCloser(bytes.NewReader(all))
	if res.Request.Method != http.MethodHead {
		res.ContentLength = int64(len(all))
		res.Header.Set("Content-Length", fmt.Sprint(len(all)))
		res.TransferEncoding = nil
	}
	return nil
}

func failed(w http.ResponseWriter, r *http.Request, err error) {
	to := targetOf(r)
	status := http.StatusBadGateway
	if errors.Is(context.Cause(r.Context()), errIdle) {
		status, err = http.StatusGatewayTimeout, errIdle
	}
	http.Error(w, fmt.Sprintf("The plug-in server %s cannot be reached: %v.", to.server.URL.Host, err), status)
}

// RoundTrip sends a request to its target with the target's own transport.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	to := targetOf(r)
	return p.transport(to).RoundTrip(r)
}

func (p *proxy) transport(to *target) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.transports[to.server.Pin]; t != nil {
		return t
	}
	if len(p.transports) >= maxTransports {
		clear(p.transports)
	}
	t := &http.Transport{DisableCompression: true, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: connectTimeout}
	if to.server.Pin != nil {
		t.TLSClientConfig = to.server.Pin.TLS()
	}
	if p.mode.IsHTTP1Only() {
		t.TLSNextProto = make(map[string]func(string, *tls.Conn) http.RoundTripper)
	} else {
		t.ForceAttemptHTTP2 = true
	}
	p.transports[to.server.Pin] = t
	return t
}
