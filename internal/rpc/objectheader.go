package rpc

import (
	"github.com/freshet-vod/freshet"
)

// maxWithHeader bounds the text of WithHeader, in bytes.
const maxWithHeader = 4096

// defaultHeader is what a prefetch asks with if the call says nothing (contract
// §4.4).
const defaultHeader = "Accept-Encoding: gzip"

// readHeader reads WithHeader: names of fields and lists of their values, every
// combination of which is asked for.
func readHeader(c *call) ([]string, error) {
	text := c.text("WithHeader")
	if text == "" {
		return []string{defaultHeader}, nil
	}
	wrong := invalid("WithHeader")
	if len(text) > maxWithHeader {
		return nil, wrong
	}
	var fields map[string][]string
	if err := decodeJSON(text, &fields, freshet.MaxHeaderVariants); err != nil {
		wrong.cause = err
		return nil, wrong
	}
	variants, err := freshet.HeaderVariants(fields)
	if err != nil {
		wrong.cause = err
		return nil, wrong
	}
	return variants, nil
}
