// Package guest runs the lab's bootable VMs: QEMU without hardware help, a
// VMware pvscsi controller on the VM's own disks, and an agent in the guest that
// stands for VMware Tools.
//
//	host ── unix socket ── virtio-serial ── agent: HELLO, EXEC, SHUTDOWN
package guest

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/hook"
)

// maxMemoryMiB bounds what a guest gets, whatever its VM says.
const maxMemoryMiB = 512

// Machines implements hook.Guests.
type Machines struct {
	dir  string
	host hook.GuestHost

	mu      sync.Mutex
	running map[types.ManagedObjectReference]*machine
}

// machine is one running QEMU.
type machine struct {
	cmd    *exec.Cmd
	socket string
	ended  chan struct{}
	// asked is set when the lab itself ends the machine.
	asked bool

	mu      sync.Mutex
	agent   net.Conn
	waiting map[string]chan reply
	next    int
}

type reply struct {
	code   int
	output string
}

// New returns a runner without machines. Logs go to dir.
func New(dir string, host hook.GuestHost) *Machines {
	return &Machines{dir: dir, host: host, running: make(map[types.ManagedObjectReference]*machine)}
}

// Start implements hook.Guests.
func (m *Machines) Start(vm hook.GuestVM) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running[vm.Ref] != nil {
		return fmt.Errorf("%s runs already", vm.Name)
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	// A socket's path must be short.
	socketDir, err := os.MkdirTemp("", "lab-guest-")
	if err != nil {
		return err
	}
	socket := filepath.Join(socketDir, "agent")
	memory := min(max(vm.MemoryMiB, 96), maxMemoryMiB)
	args := []string{
		"-accel", "tcg", "-machine", "pc", "-m", strconv.FormatInt(memory, 10), "-smp", "1",
		"-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio",
		"-nic", "user,model=vmxnet3,restrict=on",
		"-device", "pvscsi,id=scsi0",
		"-chardev", "socket,id=agent,server=on,wait=off,path=" + socket,
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=lab.agent",
	}
	for n, disk := range vm.Disks {
		path := strings.ReplaceAll(disk.Path, ",", ",,")
		args = append(args, "-drive", fmt.Sprintf("if=none,id=d%d,file=%s,format=%s,cache=writeback", n, path, disk.Format),
			"-device", fmt.Sprintf("scsi-hd,bus=scsi0.0,scsi-id=%d,drive=d%d", n, n))
	}
	console, err := os.OpenFile(m.console(vm.Ref), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting QEMU for %s: %w", vm.Name, err)
	}
	machine := &machine{cmd: cmd, socket: socket, ended: make(chan struct{}), waiting: make(map[string]chan reply)}
	m.running[vm.Ref] = machine
	go m.watch(vm.Ref, machine)
	go m.listen(vm.Ref, machine)
	return nil
}

// watch waits for the end of a machine.
func (m *Machines) watch(ref types.ManagedObjectReference, machine *machine) {
	ended := machine.cmd.Wait()
	close(machine.ended)
	_ = os.RemoveAll(filepath.Dir(machine.socket))
	m.mu.Lock()
	asked := machine.asked
	if m.running[ref] == machine {
		delete(m.running, ref)
	}
	m.mu.Unlock()
	if !asked {
		log.Printf("the guest of %s ended by itself (%v); its console's end: %q", ref.Value, ended, m.consoleEnd(ref))
		m.host.GuestOff(ref)
	}
}

// consoleEnd is the last that a guest wrote to its serial port.
func (m *Machines) consoleEnd(ref types.ManagedObjectReference) string {
	const most = 2000
	console, err := os.ReadFile(m.console(ref))
	if err != nil {
		return err.Error()
	}
	return string(console[max(0, len(console)-most):])
}

func (m *Machines) console(ref types.ManagedObjectReference) string {
	return filepath.Join(m.dir, ref.Value+".log")
}

// listen talks with the agent for as long as the machine runs.
func (m *Machines) listen(ref types.ManagedObjectReference, machine *machine) {
	var conn net.Conn
	for conn == nil {
		select {
		case <-machine.ended:
			return
		case <-time.After(50 * time.Millisecond):
		}
		conn, _ = net.Dial("unix", machine.socket)
	}
	defer conn.Close()
	machine.mu.Lock()
	machine.agent = conn
	machine.mu.Unlock()
	// What the guest said before anybody listened is lost: it is asked again.
	go machine.ping()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		word, rest, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch word {
		case "HELLO":
			fields := strings.SplitN(rest, " ", 3)
			info := hook.GuestInfo{ToolsRunning: true, HostName: fields[0]}
			if len(fields) > 1 && fields[1] != "-" {
				info.IP = fields[1]
			}
			if len(fields) > 2 {
				info.GuestFullName = fields[2]
			}
			m.host.GuestTold(ref, info)
		case "DONE":
			machine.done(rest)
		}
	}
}

// ping asks the guest to say hello until it is up.
func (machine *machine) ping() {
	for range 300 {
		select {
		case <-machine.ended:
			return
		case <-time.After(time.Second):
		}
		machine.mu.Lock()
		agent := machine.agent
		machine.mu.Unlock()
		if _, err := agent.Write([]byte("PING\n")); err != nil {
			return
		}
	}
}

func (machine *machine) done(rest string) {
	fields := strings.SplitN(rest, " ", 3)
	if len(fields) < 2 {
		return
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil {
		return
	}
	var output []byte
	if len(fields) == 3 {
		output, _ = base64.StdEncoding.DecodeString(fields[2])
	}
	machine.mu.Lock()
	defer machine.mu.Unlock()
	if c := machine.waiting[fields[0]]; c != nil {
		c <- reply{code, string(output)}
		delete(machine.waiting, fields[0])
	}
}

func (m *Machines) find(ref types.ManagedObjectReference) *machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running[ref]
}

// Stop implements hook.Guests.
func (m *Machines) Stop(ref types.ManagedObjectReference) error {
	m.mu.Lock()
	machine := m.running[ref]
	if machine != nil {
		machine.asked = true
		delete(m.running, ref)
	}
	m.mu.Unlock()
	if machine == nil {
		return nil
	}
	_ = machine.cmd.Process.Kill()
	<-machine.ended
	return nil
}

// Shutdown implements hook.Guests.
func (m *Machines) Shutdown(ref types.ManagedObjectReference) error {
	machine := m.find(ref)
	if machine == nil {
		return errors.New("the guest does not run")
	}
	machine.mu.Lock()
	defer machine.mu.Unlock()
	if machine.agent == nil {
		return errors.New("nothing in the guest listens")
	}
	_, err := machine.agent.Write([]byte("SHUTDOWN\n"))
	return err
}

// Exec implements hook.Guests.
func (m *Machines) Exec(ref types.ManagedObjectReference, command string, timeout time.Duration) (int, string, error) {
	machine := m.find(ref)
	if machine == nil {
		return 0, "", errors.New("the guest does not run")
	}
	machine.mu.Lock()
	if machine.agent == nil {
		machine.mu.Unlock()
		return 0, "", errors.New("nothing in the guest listens")
	}
	machine.next++
	id := strconv.Itoa(machine.next)
	answer := make(chan reply, 1)
	machine.waiting[id] = answer
	_, err := fmt.Fprintf(machine.agent, "EXEC %s %s\n", id, base64.StdEncoding.EncodeToString([]byte(command)))
	machine.mu.Unlock()
	if err != nil {
		return 0, "", err
	}
	select {
	case r := <-answer:
		return r.code, r.output, nil
	case <-machine.ended:
		return 0, "", errors.New("the guest went off")
	case <-time.After(timeout):
		return 0, "", fmt.Errorf("the guest did not answer within %s", timeout)
	}
}

// Close implements hook.Guests.
func (m *Machines) Close() error {
	m.mu.Lock()
	var refs []types.ManagedObjectReference
	for ref := range m.running {
		refs = append(refs, ref)
	}
	m.mu.Unlock()
	for _, ref := range refs {
		_ = m.Stop(ref)
	}
	return nil
}

var _ hook.Guests = (*Machines)(nil)
