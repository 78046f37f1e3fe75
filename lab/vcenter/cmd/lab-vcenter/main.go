// Command lab-vcenter simulates a vCenter whose VMs have disks with real bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

// command is one subcommand. Its run parses the arguments with a flag set of
// its own and returns an error for the user to read.
type command struct {
	name, help string
	run        func(args []string, stdout io.Writer) error
}

func main() {
	if err := dispatch(os.Args[1:]); err != nil {
		if err == flag.ErrHelp {
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "lab-vcenter:", err)
		os.Exit(1)
	}
}

func dispatch(args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(args[1:], os.Stdout)
			}
		}
		switch args[0] {
		case "-h", "-help", "--help", "help":
			usage(os.Stdout)
			return nil
		}
		usage(os.Stderr)
		return fmt.Errorf("there is no command %q", args[0])
	}
	usage(os.Stderr)
	return flag.ErrHelp
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Usage: lab-vcenter COMMAND [arguments]\n\nCommands:")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.help)
	}
	fmt.Fprintln(w, "\nlab-vcenter COMMAND -h describes a command's arguments.")
}
