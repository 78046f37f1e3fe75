package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hdm.dev/lab/vcenter/internal/link"
)

var proxyCommand = command{"proxy", "Forward TCP over a link with a bandwidth, a delay and a cut.", runProxy}

func runProxy(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "The `address` to listen on.")
	target := flags.String("target", "", "The `address` to forward to.")
	admin := flags.String("admin", "127.0.0.1:0", "The `address` of the admin API (GET and PUT).")
	bandwidth := flags.Float64("bandwidth-mbit", 0, "Bandwidth of each direction in Mbit/s; 0 is unlimited.")
	delay := flags.Int64("delay-ms", 0, "Delay of each direction in milliseconds.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *target == "" {
		return fmt.Errorf("proxy needs --target HOST:PORT")
	}
	wan, err := link.New(link.Shape{BandwidthMbit: *bandwidth, DelayMS: *delay})
	if err != nil {
		return err
	}
	proxy, err := wan.Listen(*listen, *target)
	if err != nil {
		return err
	}
	defer proxy.Close()
	adminListener, err := net.Listen("tcp", *admin)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: wan.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(adminListener) }()
	defer server.Close()

	ready := map[string]string{"listen": proxy.Addr(), "admin_url": "http://" + adminListener.Addr().String()}
	if err := json.NewEncoder(stdout).Encode(ready); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	<-signals
	return nil
}
