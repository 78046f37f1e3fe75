package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/site"
)

var serveCommand = command{"serve", "Serve one simulated vCenter.", serve}

func serve(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	file := flags.String("config", "", "The configuration `file` (JSON). Without it every default applies.")
	eof := flags.Bool("exit-on-stdin-eof", false, "End when standard input ends, so that no vCenter outlives the program that started it.")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "Usage: lab-vcenter serve [--config FILE] [--exit-on-stdin-eof]\n\n"+
			"Prints one line of JSON when it is ready and serves until SIGTERM or SIGINT.\n\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("serve takes no argument %q", flags.Arg(0))
	}

	var cfg *config.Config
	var err error
	if *file == "" {
		cfg, err = config.Parse([]byte("{}"))
	} else {
		cfg, err = config.Load(*file)
	}
	if err != nil {
		return err
	}

	end := make(chan struct{}, 2)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		end <- struct{}{}
	}()
	if *eof {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			end <- struct{}{}
		}()
	}

	s, err := site.New(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Start(); err != nil {
		return err
	}
	line, err := json.Marshal(s.Ready())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%s\n", line); err != nil {
		return err
	}
	<-end
	return nil
}
