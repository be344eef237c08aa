package agent

import (
	"sync/atomic"

	"github.com/freshet-vod/freshet/internal/wire"
)

// dialect is the version of the wire in which the control plane speaks, as the
// newest topology from it tells. It may be a release older than the agent, and
// would refuse evidence of a version that it does not know. Until it was heard
// it is taken for the oldest. A wrong belief costs at worst a few calls that
// fail: the control plane is asked again within TopologyEvery.
type dialect struct{ version atomic.Uint32 }

func (d *dialect) now() wire.Version {
	return max(wire.Version(d.version.Load()), wire.Version1) //nolint:gosec // a Version was stored
}

func (d *dialect) heard(v wire.Version) { d.version.Store(uint32(v)) }

// recall sets what an earlier life heard, unless this one heard something.
func (d *dialect) recall(v wire.Version) { d.version.CompareAndSwap(0, uint32(v)) }

// translate returns evidence as the control plane can read it: what was spooled
// while it spoke a later version is told in its own. What this program cannot
// read, because a later release spooled it, stays as it is.
func (d *dialect) translate(msg []byte) []byte {
	v := d.now()
	if wire.VersionOf(msg) <= v {
		return msg
	}
	e, err := wire.DecodeEvidence(msg)
	if err != nil {
		return msg
	}
	return wire.EncodeEvidenceAs(v, e)
}
