package client

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// errIdle is why an idle request ends.
var errIdle = errors.New("it passed no byte for longer than the proxy's idle timeout")

// idleTimer cancels a request through which nothing passes for too long.
type idleTimer struct {
	limit time.Duration
	timer *time.Timer
	fired atomic.Bool
}

func newIdleTimer(limit time.Duration, cancel context.CancelCauseFunc) *idleTimer {
	t := &idleTimer{limit: limit}
	t.timer = time.AfterFunc(limit, func() {
		t.fired.Store(true)
		cancel(errIdle)
	})
	return t
}

func (t *idleTimer) stop() { t.timer.Stop() }

func (t *idleTimer) passed(n int) {
	if n > 0 {
		t.timer.Reset(t.limit)
	}
}

// watch counts what passes through a body. The body of a WebSocket, which can
// be written to, stays one.
func (t *idleTimer) watch(body io.ReadCloser) io.ReadCloser {
	if both, is := body.(io.ReadWriteCloser); is {
		return &watchedConn{watchedBody{both, t}, both}
	}
	return &watchedBody{body, t}
}

type watchedBody struct {
	io.ReadCloser
	timer *idleTimer
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.timer.fired.Load() {
		// A server that notices first that it was cut may still end its response
		// well; it was cut all the same.
		return n, errIdle
	}
	b.timer.passed(n)
	return n, err
}

type watchedConn struct {
	watchedBody
	w io.Writer
}

func (c *watchedConn) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.timer.passed(n)
	return n, err
}
