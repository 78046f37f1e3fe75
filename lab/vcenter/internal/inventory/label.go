package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Label names disks, network cards and controllers as vCenter does, and sets
// states that vcsim leaves out. Nobody else
// may know the VM yet, or its lock must be held.
func Label(vm *simulator.VirtualMachine) {
	// vcsim leaves them empty, which is no value of their enumerations: strict
	// clients cannot read such a VM's runtime.
	if vm.Runtime.RecordReplayState == "" {
		vm.Runtime.RecordReplayState = types.VirtualMachineRecordReplayStateInactive
	}
	if vm.Runtime.FaultToleranceState == "" {
		vm.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateNotConfigured
	}
	vm.Summary.Runtime.RecordReplayState = vm.Runtime.RecordReplayState
	vm.Summary.Runtime.FaultToleranceState = vm.Runtime.FaultToleranceState
	disks, nics, scsi := 0, 0, 0
	for _, device := range vm.Config.Hardware.Device {
		label := ""
		switch d := device.(type) {
		case *types.VirtualDisk:
			disks++
			label = fmt.Sprintf("Hard disk %d", disks)
		case types.BaseVirtualEthernetCard:
			nics++
			label = fmt.Sprintf("Network adapter %d", nics)
		case types.BaseVirtualSCSIController:
			label = fmt.Sprintf("SCSI controller %d", scsi)
			scsi++
		case types.BaseVirtualSATAController:
			label = fmt.Sprintf("SATA controller %d", d.GetVirtualSATAController().BusNumber)
		case *types.VirtualNVMEController:
			label = fmt.Sprintf("NVME controller %d", d.BusNumber)
		}
		if label == "" {
			continue
		}
		summary := label
		if info := device.GetVirtualDevice().DeviceInfo; info != nil {
			summary = info.GetDescription().Summary
		}
		device.GetVirtualDevice().DeviceInfo = &types.Description{Label: label, Summary: summary}
	}
}
