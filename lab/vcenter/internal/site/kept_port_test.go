package site

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
)

// While it is closed its port refuses, is nobody else's, and is its own again.
func TestClosedListenerKeepsItsPort(t *testing.T) {
	l := newListener("127.0.0.1:0", nil, http.NotFoundHandler())
	for range 2 {
		if err := l.open(); err != nil {
			t.Fatal(err)
		}
		answer, err := http.Get("http://" + l.addr())
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		l.close()
		if _, err := net.Dial("tcp", l.addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling it: %v", err)
		}
		if l.kept == nil {
			t.Error("its port is free")
		}
		// What asks for any port gets another.
		for range 200 {
			other, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if other.Addr().String() == l.addr() {
				t.Error("another has its port")
			}
			_ = other.Close()
		}
	}
	l.kept.letGo()
}
