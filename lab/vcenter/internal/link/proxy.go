// Package link behaves like a link between two sites: it has a bandwidth and a
// delay, and it can be cut. TCP proxies carry connections over it; those of one
// link share its bandwidth.
//
// Each direction of a connection is a reader, a queue and a writer. The reader
// stamps what it reads with the instant at which it is to arrive, the writer
// waits for that instant. So a delay holds every byte back once and does not
// limit the throughput to one buffer per delay; the queue is long enough for
// what is on its way and then slows the sender, as a link's buffers do.
package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bufferBytes is the most that is read at once.
	bufferBytes = 16 << 10
	// queueLength buffers may be on their way in one direction: 16 MiB, which
	// is 1 Gbit/s at a delay of 130 ms.
	queueLength = 1024
	// standingQueue is how far ahead of the link's rate bytes may be taken, as
	// from a router with a buffer of that length. Without it each connection
	// would have its whole queue on the way, and a call beside a few transfers
	// would wait for all of them.
	standingQueue = 100 * time.Millisecond
	dialTimeout   = 10 * time.Second
)

// Link is what connections are carried over.
type Link struct {
	mu      sync.Mutex
	shape   Shape
	proxies map[*Proxy]struct{}

	toTarget, fromTarget direction
}

type direction struct {
	pace  pace
	bytes atomic.Int64
}

// New makes a link.
func New(shape Shape) (*Link, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	return &Link{shape: shape, proxies: map[*Proxy]struct{}{}}, nil
}

// Shape is what the link does now.
func (l *Link) Shape() Shape {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shape
}

// SetShape changes the link for all connections at once.
func (l *Link) SetShape(shape Shape) error {
	if err := shape.Check(); err != nil {
		return err
	}
	l.mu.Lock()
	l.shape = shape
	proxies := make([]*Proxy, 0, len(l.proxies))
	for p := range l.proxies {
		proxies = append(proxies, p)
	}
	l.mu.Unlock()
	if shape.Cut {
		for _, p := range proxies {
			p.breakAll()
		}
	}
	return nil
}

// Passed counts the bytes that were delivered towards the targets and back.
func (l *Link) Passed() (toTarget, fromTarget int64) {
	return l.toTarget.bytes.Load(), l.fromTarget.bytes.Load()
}

// Proxy forwards connections to one target.
type Proxy struct {
	link     *Link
	target   string
	listener net.Listener

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	done  bool

	wait sync.WaitGroup
}

// Listen starts a proxy from listen to target, both "host:port".
func (l *Link) Listen(listen, target string) (*Proxy, error) {
	if _, _, err := net.SplitHostPort(target); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &Proxy{link: l, target: target, listener: listener, conns: map[net.Conn]struct{}{}}
	l.mu.Lock()
	l.proxies[p] = struct{}{}
	l.mu.Unlock()
	p.wait.Add(1)
	go p.accept()
	return p, nil
}

// Addr is the address it listens on.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.link.mu.Lock()
	delete(p.link.proxies, p)
	p.link.mu.Unlock()
	err := p.listener.Close()
	p.breakAll()
	p.wait.Wait()
	return err
}

func (p *Proxy) breakAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// track remembers a connection so that a cut can break it; false if the link
// is cut or closed already.
func (p *Proxy) track(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done || p.link.Shape().Cut {
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	delete(p.conns, conn)
	p.mu.Unlock()
}

func (p *Proxy) accept() {
	defer p.wait.Done()
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.wait.Add(1)
		go func() {
			defer p.wait.Done()
			p.serve(conn)
		}()
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	if !p.track(client) {
		return
	}
	target, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		return
	}
	defer p.forget(target)
	if !p.track(target) {
		return
	}
	var both sync.WaitGroup
	both.Add(2)
	go func() { defer both.Done(); p.carry(target, client, &p.link.toTarget) }()
	go func() { defer both.Done(); p.carry(client, target, &p.link.fromTarget) }()
	both.Wait()
}

// parcel is some bytes and the instant of their arrival.
type parcel struct {
	data []byte
	due  time.Time
}

// carry moves bytes one way until either end is closed. The end of the stream
// travels behind the bytes, so that half-closed connections work.
func (p *Proxy) carry(to, from net.Conn, way *direction) {
	queue := make(chan parcel, queueLength)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		defer close(queue)
		for {
			data := make([]byte, bufferBytes)
			n, err := from.Read(data)
			if n > 0 {
				shape := p.link.Shape()
				due := way.pace.reserve(n, shape.BandwidthMbit, time.Now())
				if early := time.Until(due) - standingQueue; early > 0 {
					select {
					case <-time.After(early):
					case <-ctx.Done():
						return
					}
				}
				due = due.Add(time.Duration(shape.DelayMS) * time.Millisecond)
				select {
				case queue <- parcel{data[:n], due}:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					_ = to.Close()
				}
				return
			}
		}
	}()
	for parcel := range queue {
		time.Sleep(time.Until(parcel.due))
		n, err := to.Write(parcel.data)
		way.bytes.Add(int64(n))
		if err != nil {
			_ = from.Close()
			return
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}
