package nfc

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The methods of HttpNfcLease. vcsim finds them by their names and calls them
// with the lease's lock held.

// HttpNfcLeaseComplete ends the lease well and gives the VM free.
func (l *Lease) HttpNfcLeaseComplete(ctx *simulator.Context, _ *types.HttpNfcLeaseComplete) soap.HasFault {
	body := new(methods.HttpNfcLeaseCompleteBody)
	l.mu.Lock()
	ready := l.state == types.HttpNfcLeaseStateReady
	l.mu.Unlock()
	if !ready || !l.end(ctx, end{state: types.HttpNfcLeaseStateDone}) {
		body.Fault_ = l.notReady()
		return body
	}
	body.Res = new(types.HttpNfcLeaseCompleteResponse)
	return body
}

// HttpNfcLeaseAbort ends the lease with an error; of an import the VM goes.
func (l *Lease) HttpNfcLeaseAbort(ctx *simulator.Context, req *types.HttpNfcLeaseAbort) soap.HasFault {
	body := new(methods.HttpNfcLeaseAbortBody)
	var fault types.BaseMethodFault = new(types.RequestCanceled)
	message := "The lease was aborted."
	if req.Fault != nil && req.Fault.Fault != nil {
		fault = req.Fault.Fault
		if req.Fault.LocalizedMessage != "" {
			message = req.Fault.LocalizedMessage
		}
	}
	if !l.end(ctx, end{state: types.HttpNfcLeaseStateError, fault: fault, message: message}) {
		body.Fault_ = l.notReady()
		return body
	}
	body.Res = new(types.HttpNfcLeaseAbortResponse)
	return body
}

// HttpNfcLeaseProgress keeps the lease alive.
func (l *Lease) HttpNfcLeaseProgress(ctx *simulator.Context, req *types.HttpNfcLeaseProgress) soap.HasFault {
	body := new(methods.HttpNfcLeaseProgressBody)
	if req.Percent < 0 || req.Percent > 100 {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "percent"})
		return body
	}
	l.mu.Lock()
	ended := l.ended()
	if !ended {
		l.timer.Reset(l.m.opts.Timeout)
	}
	l.mu.Unlock()
	if ended {
		body.Fault_ = l.notReady()
		return body
	}
	ctx.Update(l, []types.PropertyChange{{Name: "transferProgress", Val: req.Percent}})
	body.Res = new(types.HttpNfcLeaseProgressResponse)
	return body
}

// HttpNfcLeaseSetManifestChecksumType chooses sha1 or sha256 for each device.
func (l *Lease) HttpNfcLeaseSetManifestChecksumType(_ *simulator.Context, req *types.HttpNfcLeaseSetManifestChecksumType) soap.HasFault {
	body := new(methods.HttpNfcLeaseSetManifestChecksumTypeBody)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != types.HttpNfcLeaseStateReady {
		body.Fault_ = simulator.Fault("", new(types.InvalidState))
		return body
	}
	chosen := make(map[*Device]bool)
	for _, pair := range req.DeviceUrlsToChecksumTypes {
		d := l.deviceByKey(pair.Key)
		kind := types.HttpNfcLeaseManifestEntryChecksumType(pair.Value)
		if d == nil || kind != types.HttpNfcLeaseManifestEntryChecksumTypeSha1 &&
			kind != types.HttpNfcLeaseManifestEntryChecksumTypeSha256 {
			body.Fault_ = simulator.Fault("no such device or checksum type: "+pair.Key+" "+pair.Value,
				&types.InvalidArgument{InvalidProperty: "deviceUrlsToChecksumTypes"})
			return body
		}
		chosen[d] = kind == types.HttpNfcLeaseManifestEntryChecksumTypeSha256
	}
	for d, sha256 := range chosen {
		d.sha256 = sha256
	}
	body.Res = new(types.HttpNfcLeaseSetManifestChecksumTypeResponse)
	return body
}

func (l *Lease) deviceByKey(key string) *Device {
	for _, d := range l.devices {
		if d.Key == key {
			return d
		}
	}
	return nil
}

// HttpNfcLeaseGetManifest lists the checksums of what was transferred so far,
// as the host sent or received it.
func (l *Lease) HttpNfcLeaseGetManifest(_ *simulator.Context, _ *types.HttpNfcLeaseGetManifest) soap.HasFault {
	body := new(methods.HttpNfcLeaseGetManifestBody)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != types.HttpNfcLeaseStateReady {
		body.Fault_ = simulator.Fault("", new(types.InvalidState))
		return body
	}
	body.Res = new(types.HttpNfcLeaseGetManifestResponse)
	for _, d := range l.devices {
		if d.manifest != nil {
			body.Res.Returnval = append(body.Res.Returnval, *d.manifest)
		}
	}
	return body
}

func (l *Lease) notReady() *soap.Fault {
	return simulator.Fault("The lease is not in a state for this.", new(types.InvalidState))
}
