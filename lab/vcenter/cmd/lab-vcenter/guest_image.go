package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"hdm.dev/lab/vcenter/internal/guest"
)

var guestImageCommand = command{"guest-image", "Build the disk that bootable VMs boot from.", guestImage}

func guestImage(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("guest-image", flag.ContinueOnError)
	out := flags.String("out", "", "Where the image is written; downloads are kept beside it.")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "Usage: lab-vcenter guest-image --out FILE\n\n"+
			"Builds a raw disk of 66 MiB from Debian's kernel for virtual machines, busybox and syslinux.\n\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return errors.New("guest-image needs --out")
	}
	if err := guest.BuildImage(*out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, *out)
	return err
}
