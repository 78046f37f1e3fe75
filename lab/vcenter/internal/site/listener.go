package site

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"hdm.dev/lab/vcenter/internal/link"
)

// listener is an HTTP server that can be closed and opened again on the port
// it got when it was first opened. With a link it is reached over that.
type listener struct {
	handler http.Handler
	tls     *tls.Config
	link    *link.Link

	mu      sync.Mutex
	address string
	server  *http.Server
	proxy   *link.Proxy
	kept    *keptPort
}

func newListener(address string, config *tls.Config, handler http.Handler) *listener {
	return &listener{address: address, tls: config, handler: handler}
}

// over returns it, reached over a link; nil is none.
func (l *listener) over(link *link.Link) *listener {
	l.link = link
	return l
}

// use takes another configuration from the next open on.
func (l *listener) use(config *tls.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tls = config
}

// open is without effect on an open listener.
func (l *listener) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		return nil
	}
	l.kept.letGo()
	l.kept = nil
	tcp, err := l.listen()
	if err != nil {
		return err
	}
	l.server = &http.Server{
		Handler:           l.handler,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(os.Stderr, "http "+l.address+": ", log.LstdFlags),
	}
	if l.tls != nil {
		tcp = tls.NewListener(tcp, l.tls)
	}
	go func(server *http.Server) { _ = server.Serve(tcp) }(l.server)
	return nil
}

// listen opens the address, and the proxy on it if there is a link.
func (l *listener) listen() (net.Listener, error) {
	if l.link == nil {
		tcp, err := net.Listen("tcp", l.address)
		if err == nil {
			l.address = tcp.Addr().String()
		}
		return tcp, err
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if l.proxy, err = l.link.Listen(l.address, tcp.Addr().String()); err != nil {
		_ = tcp.Close()
		return nil, err
	}
	l.address = l.proxy.Addr()
	return tcp, nil
}

// close breaks all connections. The port stays its own: who calls it is refused,
// and nobody else gets it meanwhile.
func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	wasOpen := l.server != nil
	if l.server != nil {
		_ = l.server.Close()
		l.server = nil
	}
	if l.proxy != nil {
		_ = l.proxy.Close()
		l.proxy = nil
	}
	if wasOpen {
		l.kept = keepPort(l.address)
	}
}

// drain lets running requests end, for a moment, and closes.
func (l *listener) drain(limit time.Duration) {
	l.mu.Lock()
	server := l.server
	l.mu.Unlock()
	if server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_ = server.Shutdown(ctx)
	}
	l.close()
}

// addr is the address it has or had; before the first open, the one asked for.
func (l *listener) addr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address
}
