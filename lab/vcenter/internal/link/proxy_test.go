package link

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// echo answers each connection with what it is sent, to the end.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func start(t *testing.T, shape Shape) *Proxy {
	t.Helper()
	l, err := New(shape)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Listen("127.0.0.1:0", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

func TestBytesPassInOrderThroughADelayedLink(t *testing.T) {
	p := start(t, Shape{DelayMS: 5})
	conn := dial(t, p)
	sent := make([]byte, 3<<20)
	_, _ = rand.Read(sent)
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("got %d of %d bytes, equal %v, error %v", len(got), len(sent), bytes.Equal(got, sent), err)
	}
	if to, from := p.link.Passed(); to != int64(len(sent)) || from != int64(len(sent)) {
		t.Errorf("counted %d and %d bytes, want %d", to, from, len(sent))
	}
}

func TestACutBreaksAndRefusesUntilItIsMended(t *testing.T) {
	p := start(t, Shape{})
	conn := dial(t, p)
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := p.link.SetShape(Shape{Cut: true}); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{conn, dial(t, p)} {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("a cut link passed %d bytes, error %v", n, err)
		}
	}
	if err := p.link.SetShape(Shape{}); err != nil {
		t.Fatal(err)
	}
	mended := dial(t, p)
	_, _ = mended.Write([]byte("y"))
	if _, err := io.ReadFull(mended, make([]byte, 1)); err != nil {
		t.Errorf("a mended link does not pass: %v", err)
	}
}

func TestPaceSpreadsBytesOverTime(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	// 8 Mbit/s is 1,000 bytes a millisecond.
	first := p.reserve(5000, 8, now)
	second := p.reserve(5000, 8, now.Add(time.Millisecond))
	if first != now.Add(5*time.Millisecond) || second != now.Add(10*time.Millisecond) {
		t.Errorf("bytes leave after %v and %v, want 5ms and 10ms", first.Sub(now), second.Sub(now))
	}
	// A link that was idle saves nothing up.
	later := now.Add(time.Second)
	if got := p.reserve(1000, 8, later); got != later.Add(time.Millisecond) {
		t.Errorf("after an idle second 1000 bytes take %v, want 1ms", got.Sub(later))
	}
	if got := p.reserve(1<<30, 0, later); got != later {
		t.Errorf("an unlimited link takes %v", got.Sub(later))
	}
}

func TestAdminRefusesNonsenseAndKeepsTheShape(t *testing.T) {
	p := start(t, Shape{DelayMS: 7})
	server := httptest.NewServer(p.link.Handler())
	defer server.Close()
	for _, body := range []string{`{"delay_ms":-1}`, `{"bandwidth_mbit":1e9}`, `{"speed":1}`, `nonsense`} {
		request, _ := http.NewRequest(http.MethodPut, server.URL+"", strings.NewReader(body))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400", body, answer.StatusCode)
		}
	}
	if p.link.Shape() != (Shape{DelayMS: 7}) {
		t.Errorf("the shape became %+v", p.link.Shape())
	}
}
