package site

import (
	"log"
	"net/netip"
	"syscall"
)

// keptPort is a port that nobody listens on and nobody else gets: a socket that
// is bound and does not listen.
type keptPort struct{ socket int }

// keepPort keeps the port of an address of IPv4; nil if that is not possible.
func keepPort(address string) *keptPort {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return nil
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		log.Printf("keeping %s: %v", address, err)
		return nil
	}
	// Connections that have just ended hold the address for a minute.
	err = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	}
	if err != nil {
		log.Printf("keeping %s: %v", address, err)
		_ = syscall.Close(socket)
		return nil
	}
	return &keptPort{socket}
}

// letGo is without effect on nil.
func (k *keptPort) letGo() {
	if k != nil {
		_ = syscall.Close(k.socket)
	}
}
