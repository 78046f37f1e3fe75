package main

// commands are all subcommands, in the order of the usage text. Each lives in
// a file of its own.
var commands = []command{
	serveCommand,
	proxyCommand,
	guestImageCommand,
}
