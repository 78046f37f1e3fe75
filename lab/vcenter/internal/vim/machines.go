package vim

import (
	"fmt"
	"log"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/dispatch"
	"hdm.dev/lab/vcenter/internal/hook"
	"hdm.dev/lab/vcenter/internal/inventory"
)

// toolsDelay is how long a guest that is only played takes to shut down.
const toolsDelay = 300 * time.Millisecond

func (v *VIM) registerVMs(table hook.Dispatcher) {
	table.Around("VirtualMachine", "PowerOnVM_Task", v.powerOn)
	table.Around("VirtualMachine", "PowerOffVM_Task", v.powerOff)
	table.Around("VirtualMachine", "ResetVM_Task", v.reset)
	table.Around("VirtualMachine", "ShutdownGuest", func(hook.Call) hook.Call { return v.shutdownGuest })
	table.Around("VirtualMachine", "ReconfigVM_Task", v.reconfigure)
	table.Around("VirtualMachine", "ConsolidateVMDisks_Task", func(hook.Call) hook.Call { return v.consolidate })
	table.Around("Folder", "CreateVM_Task", v.createVM)
	table.Around("VirtualMachine", "MigrateVM_Task", func(hook.Call) hook.Call { return v.migrate })
	table.Around("Datacenter", "PowerOnMultiVM_Task", func(hook.Call) hook.Call { return v.powerOnMulti })
	// Each VM is locked in its turn.
	table.Unlocked("Datacenter", "PowerOnMultiVM_Task")
	table.Around("VirtualMachine", "AnswerVM", func(hook.Call) hook.Call { return v.answer })
}

// option reads an entry of extraConfig.
func option(vm *simulator.VirtualMachine, key string) string {
	for _, o := range vm.Config.ExtraConfig {
		if o.GetOptionValue().Key == key {
			return fmt.Sprint(o.GetOptionValue().Value)
		}
	}
	return ""
}

func bootable(vm *simulator.VirtualMachine) bool { return option(vm, inventory.Bootable) == "true" }

func (v *VIM) guests() hook.Guests {
	if v.Guests == nil {
		return nil
	}
	return v.Guests()
}

func (v *VIM) powerOn(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		vm := machine(ctx, this)
		guests := v.guests()
		runs := vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
		if bootable(vm) && guests != nil && !runs {
			if err := v.startGuest(ctx, vm, guests); err != nil {
				log.Printf("powering on %s: %v", vm.Name, err)
				return dispatch.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
			}
		}
		res := next(ctx, this, req)
		if res.Fault() != nil {
			if bootable(vm) && guests != nil && !runs {
				_ = guests.Stop(this)
			}
			return res
		}
		if option(vm, inventory.Tools) == "true" {
			v.afterTask(ctx, res, func() { v.GuestTold(this, hook.GuestInfo{ToolsRunning: true, HostName: vm.Name}) })
		}
		return res
	}
}

// afterTask does something once the task that was answered has ended well.
func (v *VIM) afterTask(ctx *simulator.Context, res soap.HasFault, do func()) {
	forked := fork(ctx)
	go func() {
		if _, fault := await(forked, res); fault == nil {
			do()
		}
	}()
}

func (v *VIM) powerOff(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		if guests := v.guests(); guests != nil && bootable(machine(ctx, this)) {
			if err := guests.Stop(this); err != nil {
				return dispatch.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
			}
		}
		res := next(ctx, this, req)
		if res.Fault() == nil {
			v.afterTask(ctx, res, func() { v.GuestTold(this, hook.GuestInfo{}) })
		}
		return res
	}
}

func (v *VIM) reset(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, req types.AnyType) soap.HasFault {
		vm := machine(ctx, this)
		guests := v.guests()
		if guests != nil && bootable(vm) && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			if err := guests.Stop(this); err != nil {
				return dispatch.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
			}
			if err := v.startGuest(ctx, vm, guests); err != nil {
				return dispatch.Fault(err.Error(), &types.SystemError{Reason: err.Error()})
			}
		}
		return next(ctx, this, req)
	}
}

// startGuest puts a delta above each disk that a snapshot keeps as it is, and
// boots the VM from what is on top. The VM's lock is held.
func (v *VIM) startGuest(ctx *simulator.Context, vm *simulator.VirtualMachine, guests hook.Guests) error {
	guest := hook.GuestVM{Ref: vm.Self, Name: vm.Name, UUID: vm.Config.Uuid,
		MemoryMiB: int64(vm.Config.Hardware.MemoryMB), CPUs: vm.Config.Hardware.NumCPU, ExtraConfig: make(map[string]string)}
	for _, o := range vm.Config.ExtraConfig {
		guest.ExtraConfig[o.GetOptionValue().Key] = fmt.Sprint(o.GetOptionValue().Value)
	}
	for _, device := range vm.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok {
			return fmt.Errorf("disk %d of %s is of a kind that no guest can boot from", disk.Key, vm.Name)
		}
		if v.kept(ctx, vm, backing.FileName) {
			child, err := v.fork(backing.FileName)
			if err != nil {
				return err
			}
			parent := *backing
			above := *backing
			above.FileName = child
			above.Parent = &parent
			disk.Backing = &above
			backing = &above
		}
		file, format, err := v.Disks.Attach(backing.FileName)
		if err != nil {
			return err
		}
		guest.Disks = append(guest.Disks, hook.GuestDisk{Path: file, Format: format, Controller: "pvscsi"})
	}
	return guests.Start(guest)
}

// kept tells whether a snapshot of the VM names this file.
func (v *VIM) kept(ctx *simulator.Context, vm *simulator.VirtualMachine, file string) bool {
	for _, ref := range vm.RootSnapshot {
		if snapshot, ok := ctx.Map.Get(ref).(*simulator.VirtualMachineSnapshot); ok && keeps(ctx, snapshot, file) {
			return true
		}
	}
	return false
}

func keeps(ctx *simulator.Context, snapshot *simulator.VirtualMachineSnapshot, file string) bool {
	for _, device := range snapshot.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			if backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok && backing.FileName == file {
				return true
			}
		}
	}
	for _, ref := range snapshot.ChildSnapshot {
		if child, ok := ctx.Map.Get(ref).(*simulator.VirtualMachineSnapshot); ok && keeps(ctx, child, file) {
			return true
		}
	}
	return false
}

// fork makes the next delta above a disk: web.vmdk, web-000001.vmdk …
func (v *VIM) fork(file string) (string, error) {
	stem := strings.TrimSuffix(file, ".vmdk")
	if dash := strings.LastIndexByte(stem, '-'); dash > 0 && len(stem)-dash == 7 {
		stem = stem[:dash]
	}
	for n := 1; n < 1000; n++ {
		child := fmt.Sprintf("%s-%06d.vmdk", stem, n)
		if _, taken := v.Disks.Spec(child); !taken {
			return child, v.Disks.Fork(file, child)
		}
	}
	return "", fmt.Errorf("%s has too many deltas", path.Base(file))
}

// shutdownGuest asks the guest and answers at once.
func (v *VIM) shutdownGuest(ctx *simulator.Context, this types.ManagedObjectReference, _ types.AnyType) soap.HasFault {
	vm := machine(ctx, this)
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return dispatch.Fault("", &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: vm.Runtime.PowerState})
	}
	guests := v.guests()
	switch {
	case bootable(vm) && guests != nil:
		if err := guests.Shutdown(this); err != nil {
			return dispatch.Fault(err.Error(), new(types.ToolsUnavailable))
		}
	case option(vm, inventory.Tools) == "true":
		time.AfterFunc(toolsDelay, func() { v.GuestOff(this) })
	default:
		return dispatch.Fault("VMware Tools do not run.", new(types.ToolsUnavailable))
	}
	return &methods.ShutdownGuestBody{Res: new(types.ShutdownGuestResponse)}
}

// GuestOff implements hook.GuestHost.
func (v *VIM) GuestOff(ref types.ManagedObjectReference) {
	ctx := v.Context()
	vm := machine(ctx, ref)
	if vm == nil {
		return
	}
	on := false
	ctx.WithLock(vm, func() { on = vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn })
	if !on {
		return
	}
	res := vm.PowerOffVMTask(ctx, &types.PowerOffVM_Task{This: ref})
	_, _ = await(ctx, res)
	forgetTask(ctx, res)
	v.GuestTold(ref, hook.GuestInfo{})
}

// GuestTold implements hook.GuestHost.
func (v *VIM) GuestTold(ref types.ManagedObjectReference, info hook.GuestInfo) {
	ctx := v.Context()
	vm := machine(ctx, ref)
	if vm == nil {
		return
	}
	status, heartbeat := types.VirtualMachineToolsRunningStatusGuestToolsNotRunning, types.ManagedEntityStatusGray
	tools := types.VirtualMachineToolsStatusToolsNotRunning
	if info.ToolsRunning {
		status, heartbeat = types.VirtualMachineToolsRunningStatusGuestToolsRunning, types.ManagedEntityStatusGreen
		tools = types.VirtualMachineToolsStatusToolsOk
	}
	ctx.WithLock(vm, func() {
		if info.ToolsRunning && vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
			return
		}
		ctx.Update(vm, []types.PropertyChange{
			{Name: "guest.toolsRunningStatus", Val: string(status)},
			{Name: "guest.toolsStatus", Val: tools},
			{Name: "guest.hostName", Val: info.HostName},
			{Name: "guest.ipAddress", Val: info.IP},
			{Name: "guest.guestFullName", Val: info.GuestFullName},
			{Name: "guestHeartbeatStatus", Val: heartbeat},
			{Name: "summary.guest.toolsRunningStatus", Val: string(status)},
			{Name: "summary.guest.toolsStatus", Val: tools},
			{Name: "summary.guest.hostName", Val: info.HostName},
			{Name: "summary.guest.ipAddress", Val: info.IP},
		})
	})
}

// reconfigure keeps the promise of changeVersion: a spec made for another
// version of the VM is refused.
func (v *VIM) reconfigure(next hook.Call) hook.Call {
	return func(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
		req, _ := request.(*types.ReconfigVM_Task)
		vm := machine(ctx, this)
		if req.Spec.ChangeVersion != "" && req.Spec.ChangeVersion != vm.Config.ChangeVersion {
			task := v.startTask(ctx, "VirtualMachine.reconfigure", "ReconfigVM_Task", this)
			go task.finish(new(types.ConcurrentAccess), "The virtual machine was changed meanwhile.")
			return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: task.obj.Self}}
		}
		mergeBoot(req.Spec.BootOptions, vm.Config.BootOptions)
		empty := req.Spec.Annotation == emptied
		if empty {
			req.Spec.Annotation = ""
		}
		res := next(ctx, this, request)
		if res.Fault() != nil {
			return res
		}
		if empty {
			// The VM's lock is handed to the task, so that this comes first or last, never between.
			ctx.Update(vm, []types.PropertyChange{{Name: "config.annotation", Val: ""}, {Name: "summary.config.annotation", Val: ""}})
		}
		go v.announce(fork(ctx), vm, res)
		return res
	}
}

// mergeBoot leaves as it is what a spec does not set; vcsim replaces all of it.
func mergeBoot(spec, now *types.VirtualMachineBootOptions) {
	if spec == nil || now == nil {
		return
	}
	if spec.BootDelay == 0 {
		spec.BootDelay = now.BootDelay
	}
	if spec.EfiSecureBootEnabled == nil {
		spec.EfiSecureBootEnabled = now.EfiSecureBootEnabled
	}
	if spec.EnterBIOSSetup == nil {
		spec.EnterBIOSSetup = now.EnterBIOSSetup
	}
	if len(spec.BootOrder) == 0 {
		spec.BootOrder = now.BootOrder
	}
}

// announce tells those who wait for changes of a reconfiguration once it is
// done: vcsim changes most of the configuration without a word.
func (v *VIM) announce(ctx *simulator.Context, vm *simulator.VirtualMachine, res soap.HasFault) {
	if _, fault := await(ctx, res); fault != nil {
		return
	}
	ctx.WithLock(vm, func() {
		if err := v.defineDisks(vm.Config.Hardware.Device); err != nil {
			log.Printf("disks added to %s: %v", vm.Name, err)
		}
		ctx.Update(vm, []types.PropertyChange{{Name: "config.changeVersion", Val: vm.Config.ChangeVersion}})
	})
	v.spaceChanged()
}

func (v *VIM) consolidate(ctx *simulator.Context, this types.ManagedObjectReference, _ types.AnyType) soap.HasFault {
	task := v.startTask(ctx, "VirtualMachine.consolidateDisks", "ConsolidateVMDisks_Task", this)
	ctx.Update(machine(ctx, this), []types.PropertyChange{{Name: "runtime.consolidationNeeded", Val: false}})
	go task.finish(nil, "")
	return &methods.ConsolidateVMDisks_TaskBody{Res: &types.ConsolidateVMDisks_TaskResponse{Returnval: task.obj.Self}}
}

// ask has a VM ask; answered is called with the key of the choice. The VM's lock
// is held.
func (v *VIM) ask(ctx *simulator.Context, this types.ManagedObjectReference, text string, answered func(choice string)) {
	v.asking.Store(this, answered)
	ctx.Update(machine(ctx, this), []types.PropertyChange{{Name: "runtime.question", Val: inventory.Question(text)}})
}

func (v *VIM) answer(ctx *simulator.Context, this types.ManagedObjectReference, request types.AnyType) soap.HasFault {
	req, _ := request.(*types.AnswerVM)
	vm := machine(ctx, this)
	question := vm.Runtime.Question
	if question == nil || question.Id != req.QuestionId {
		return dispatch.Fault("There is no such question.", &types.InvalidArgument{InvalidProperty: "questionId"})
	}
	for _, choice := range question.Choice.ChoiceInfo {
		if choice.GetElementDescription().Key == req.AnswerChoice {
			ctx.Update(vm, []types.PropertyChange{{Name: "runtime.question", Val: nil}})
			if answered, waits := v.asking.LoadAndDelete(this); waits {
				go answered.(func(string))(req.AnswerChoice)
			}
			return &methods.AnswerVMBody{Res: new(types.AnswerVMResponse)}
		}
	}
	return dispatch.Fault("There is no such choice.", &types.InvalidArgument{InvalidProperty: "answerChoice"})
}
