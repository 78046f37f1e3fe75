package plugin

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// ClientType marks the extensions that are remote plug-ins.
const ClientType = "vsphere-client-remote"

// manifestServer is the type of a registration's first server.
const manifestServer = "MANIFEST_SERVER"

// Server is one server of a plug-in's registration.
type Server struct {
	// Type is a free name; the first server's is MANIFEST_SERVER.
	Type string
	URL  *url.URL
	// Pin is nil for http: only.
	Pin *Pin
}

// HostPort names the server in the proxy's paths: 10.0.0.1-8443.
func (s Server) HostPort() string {
	port := s.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[s.URL.Scheme]
	}
	return s.URL.Hostname() + "-" + port
}

// Directory is the path of the URL up to its last slash.
func (s Server) Directory() string {
	dir, _ := path.Split(s.URL.EscapedPath())
	if dir == "" {
		return "/"
	}
	return dir
}

// IsRemote tells whether an extension is a remote plug-in at all.
func IsRemote(e *types.Extension) bool {
	for _, c := range e.Client {
		if c.Type == ClientType {
			return true
		}
	}
	return false
}

// Servers reads a registration's servers, the manifest's first. allowHTTP takes
// http: URLs too.
func Servers(e *types.Extension, allowHTTP bool) ([]Server, error) {
	if strings.ContainsAny(e.Key, ",/\\#+><=;\"~") || strings.ToLower(e.Key) != e.Key {
		return nil, fmt.Errorf("the key %q must be in lower case and have none of , / \\ # + > < = ; \" ~", e.Key)
	}
	if e.Version == "" || strings.ContainsAny(e.Version, "/\\~#?% ") {
		return nil, fmt.Errorf("the version %q of the extension cannot be part of a path", e.Version)
	}
	if len(e.Server) == 0 {
		return nil, errors.New("the registration has no server")
	}
	if e.Server[0].Type != manifestServer {
		return nil, fmt.Errorf("the first server of the registration has the type %q; it must be %s", e.Server[0].Type, manifestServer)
	}
	var servers []Server
	for n, info := range e.Server {
		u, err := url.Parse(info.Url)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("server %d of the registration has the URL %q, which is not https://HOST:PORT/PATH", n, info.Url)
		}
		server := Server{Type: info.Type, URL: u}
		if u.Scheme == "http" {
			if !allowHTTP {
				return nil, fmt.Errorf("the URL %q is not https; http is off here", info.Url)
			}
		} else if server.Pin, err = NewPin(u.Hostname(), info.ServerThumbprint, info.ServerCertificate); err != nil {
			return nil, fmt.Errorf("server %s: %w", net.JoinHostPort(u.Hostname(), u.Port()), err)
		}
		servers = append(servers, server)
	}
	for _, c := range e.Client {
		if c.Type == ClientType && c.Url != e.Server[0].Url {
			return nil, fmt.Errorf("the client's URL %q is not that of the manifest server, %q", c.Url, e.Server[0].Url)
		}
	}
	return servers, nil
}
