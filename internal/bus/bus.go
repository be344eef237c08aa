// Package bus defines how the log travels between the control plane and the
// agents: entries pushed, gaps pulled, evidence and heartbeats back.
//
// It carries opaque messages of package wire and must not know what they
// mean. Losing or repeating a pushed message costs nothing: agents see the gap
// and pull. The engine uses Control, the agent uses Agent; bus/membus and
// bus/natsbus implement both and pass bustest. If it delivered evidence
// acknowledgements before they were earned, deliveries would be lost.
package bus

import "context"

// Channel says what a pushed message is about.
type Channel string

// The channels on which the control plane pushes, and heartbeats travel.
const (
	ChannelPurge     Channel = "log.purge"        // entry batches of subject "purge"
	ChannelPrefetch  Channel = "log.prefetch.all" // entry batches of subject "prefetch.all"
	ChannelHead      Channel = "head"             // heads of all subjects, every second
	ChannelTopology  Channel = "topology"         // a new topology, for agents of the first release
	ChannelTopology2 Channel = "topology.2"       // the same in version 2; agents that do not know the channel pass it over
	ChannelTopology3 Channel = "topology.3"       // and in version 3
	ChannelHeartbeat Channel = "heartbeat"        // from each POP, to the control plane and the POPs that follow it
)

// Call names a request that an agent makes and any control node answers.
type Call string

// The calls.
const (
	CallPull     Call = "pull"     // entries of a subject after a position
	CallTopology Call = "topology" // the topology now; the request is the one that the agent has, of which the version counts
	CallDenied   Call = "denied"   // a page of the present deny list
	CallTurn     Call = "turn"     // may the whole cache be made to revalidate now? One POP of a tier at a time
	CallReport   Call = "report"   // how the POP stands; the answer is the heads of the log, and a sign of life
	CallEvidence Call = "evidence" // store evidence; the answer comes after the commit
)

// MaxMessage bounds a message in bytes, both ways.
const MaxMessage = 768 << 10

// Control is the control plane's end.
type Control interface {
	// Push sends msg to every agent that listens now. It may get lost.
	Push(ctx context.Context, ch Channel, msg []byte) error
	// Serve answers calls and receives heartbeats until stop is called, which
	// waits for handlers in progress. Handlers run concurrently for different
	// POPs, and in order of sending for one POP and call.
	Serve(h ControlHandlers) (stop func(), err error)
}

// ControlHandlers are the functions that Serve calls.
type ControlHandlers struct {
	// Call answers one request of a POP. An error is not transmitted in full:
	// the agent learns only that the call failed, and tries again later.
	Call      func(ctx context.Context, pop string, call Call, req []byte) ([]byte, error)
	Heartbeat func(pop string, msg []byte)
}

// Agent is a POP's end. It reconnects by itself for ever.
type Agent interface {
	// Listen delivers pushed messages, and heartbeats of the POPs that are
	// followed, in order of arrival per channel until stop is called, which
	// waits for handlers in progress. pop is the sender of a heartbeat and empty
	// otherwise.
	Listen(handle func(ch Channel, pop string, msg []byte)) (stop func(), err error)
	// Follow says whose heartbeats are delivered from now on; until it is
	// called, nobody's. A hundred POPs that all heard each other would carry ten
	// thousand heartbeats a second to those who need a handful. It does not
	// wait for handlers, so they may be behind it.
	Follow(pops []string) error
	// Do makes a call and waits for its answer or the end of ctx.
	Do(ctx context.Context, call Call, req []byte) ([]byte, error)
	// Beat sends a heartbeat. It may get lost.
	Beat(ctx context.Context, msg []byte) error
}
