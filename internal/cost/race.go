//go:build race

package cost

const (
	slower = 10
	larger = 2
)
