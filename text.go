package freshet

import "fmt"

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names
// that String returns, and nothing else.
func (o *Outcome) UnmarshalText(b []byte) error {
	return unmarshalName(o, b, OutcomeExcused, "outcome")
}

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names
// that String returns, and nothing else.
func (r *Reason) UnmarshalText(b []byte) error {
	return unmarshalName(r, b, ReasonAbsent, "reason")
}

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names
// that String returns, and nothing else.
func (v *Verified) UnmarshalText(b []byte) error {
	return unmarshalName(v, b, VerifiedProbe, "way of verification")
}

// unmarshalName finds the value of a closed list whose numbers run from 0 to
// last by its name.
func unmarshalName[T interface {
	~uint8
	fmt.Stringer
}](into *T, name []byte, last T, what string,
) error {
	for v := range last + 1 {
		if v.String() == string(name) {
			*into = v
			return nil
		}
	}
	return fmt.Errorf("%s %q is unknown", what, name)
}
