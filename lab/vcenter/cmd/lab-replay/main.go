// Command lab-replay answers a client with what a vCenter has answered the same client before, so that
// the client can be measured and not the vCenter.
//
//	lab-replay record -target URL -out FILE   passes calls on and keeps the answers, until its input ends
//	lab-replay serve -in FILE                 gives these answers, in their order for each method
//
// Both print {"url", "sha1", "sha256"} when they are ready. A login begins from the first answers again. Who waits for
// updates when all were given waits until it goes away.
package main

import (
	"crypto/tls"
	"encoding/gob"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"hdm.dev/lab/vcenter/internal/cert"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "lab-replay:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("say record or serve")
	}
	flags := flag.NewFlagSet("lab-replay "+os.Args[1], flag.ContinueOnError)
	target := flags.String("target", "", "The vCenter's `URL`.")
	out := flags.String("out", "", "The `file` for the answers.")
	in := flags.String("in", "", "The `file` with the answers.")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	switch os.Args[1] {
	case "record":
		u, err := url.Parse(*target)
		if err != nil {
			return err
		}
		tape := &tape{Answers: map[string][]answer{}}
		insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}
		if err := serve(recorder{tape, u, insecure}); err != nil {
			return err
		}
		f, err := os.Create(*out)
		if err != nil {
			return err
		}
		tape.mu.Lock()
		defer tape.mu.Unlock()
		if err := gob.NewEncoder(f).Encode(tape.Answers); err != nil {
			return err
		}
		return f.Close()
	case "serve":
		f, err := os.Open(*in)
		if err != nil {
			return err
		}
		defer f.Close()
		tape := &tape{next: map[string]int{}}
		if err := gob.NewDecoder(f).Decode(&tape.Answers); err != nil {
			return err
		}
		return serve(tape)
	}
	return fmt.Errorf("there is no command %q", os.Args[1])
}

// answer is what a vCenter said.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (a *answer) write(w http.ResponseWriter) {
	for _, key := range []string{"Content-Type", "Content-Encoding", "Set-Cookie"} {
		for _, value := range a.Header.Values(key) {
			w.Header().Add(key, value)
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a client that has gone needs no answer
}

// tape keeps answers by method, in their order.
type tape struct {
	mu      sync.Mutex
	Answers map[string][]answer
	next    map[string]int
}

const (
	login   = "Login"
	updates = "WaitForUpdatesEx"
)

func (t *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, _, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	if method == login {
		clear(t.next)
	}
	known, n := t.Answers[method], t.next[method]
	t.next[method]++
	t.mu.Unlock()
	switch {
	case len(known) == 0:
		http.Error(w, "nothing was recorded for "+method, http.StatusNotFound)
	case n < len(known):
		known[n].write(w)
	case method == updates:
		<-r.Context().Done()
	default:
		known[len(known)-1].write(w)
	}
}

// recorder passes calls on to a vCenter.
type recorder struct {
	tape   *tape
	target *url.URL
	client http.RoundTripper
}

func (c recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, body, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u := *c.target
	u.Path, u.RawQuery = r.URL.Path, r.URL.RawQuery
	request, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), strings.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request.Header = r.Header.Clone()
	response, err := c.client.RoundTrip(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	a := answer{Status: response.StatusCode, Header: response.Header, Body: data}
	c.tape.mu.Lock()
	c.tape.Answers[method] = append(c.tape.Answers[method], a)
	c.tape.mu.Unlock()
	a.write(w)
}

var inBody = regexp.MustCompile(`<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)`)

// read returns the SOAP method of a call, or what else is asked for.
func read(r *http.Request) (method, body string, err error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return "", "", err
	}
	if found := inBody.FindSubmatch(data); found != nil {
		return string(found[1]), string(data), nil
	}
	return r.Method + " " + r.URL.Path, string(data), nil
}

// serve answers until the standard input ends.
func serve(handler http.Handler) error {
	own, err := cert.New("lab-replay", net.IPv4(127, 0, 0, 1))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(tls.NewListener(listener, config)) }()
	ready := map[string]string{"url": "https://" + listener.Addr().String() + "/sdk", "sha1": cert.SHA1(own), "sha256": cert.SHA256(own)}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}
