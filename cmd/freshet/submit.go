package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// submitWords are what tells purge and prefetch apart on the command line.
type submitWords struct {
	kind           freshet.TaskType
	short, long    string
	example        string
	patterns       bool // --prefix and --tag exist
	synonyms       []string
	sliceDescribed string
}

func purgeWords() submitWords {
	return submitWords{
		kind: freshet.Purge, patterns: true, synonyms: []string{"refresh", "invalidate", "ban", "clear", "flush"},
		short: "Purge media, URLs, prefixes, tags or patterns on every POP",
		long: `Purge media on every POP: without filters everything that they have and ever
had, every rendition, playlist and segment. Or purge URLs, prefixes, tags, or
the known URLs that a regular expression matches: it never runs in a cache.

` + manyMedia,
		example:        "  freshet purge 93ab850b4f6f46e9 --wait\n  freshet purge --prefix http://vod.example.com/film/ --wait\n  cut -f 1 films.tsv | freshet purge - --wait --timeout 10m",
		sliceDescribed: "playlists and the first `N` segments of each (1 to 20), not everything",
	}
}

func prefetchWords() submitWords {
	return submitWords{
		kind:           freshet.Prefetch,
		synonyms:       []string{"preload", "warm", "preheat", "push"},
		short:          "Prefetch media or URLs to every POP",
		long:           "Prefetch media to every POP, parents first. Or prefetch URLs.\n\n" + manyMedia,
		example:        "  freshet prefetch 93ab850b4f6f46e9 --formats m3u8 --slices 5 --wait",
		sliceDescribed: "the first `N` segments of each playlist too (1 to 20)",
	}
}

// manyMedia is said of every command that takes media.
const manyMedia = `With "-" media IDs are read from standard input, one a line. More than 20 become
several jobs, in their order.`

// submission is the flags that make a job request.
type submission struct {
	words                             submitWords
	formats, definitions, streamTypes []string
	multiple                          bool
	slices                            int
	urls, prefixes, tags, regexes     []string
	ignoreParams, soft                bool
	headers                           []string
	area                              string
	parentsOnly                       bool
}

func addSubmission(cmd *cobra.Command, w submitWords) *submission {
	s := &submission{words: w}
	f := cmd.Flags()
	f.StringSliceVar(&s.formats, "formats", nil, "only these formats, `LIST` with commas")
	f.StringSliceVar(&s.definitions, "definitions", nil, "only these definitions, `LIST` with commas")
	f.StringSliceVar(&s.streamTypes, "stream-type", nil, "only video or audio, `LIST` with commas")
	f.BoolVar(&s.multiple, "multiple", false, "all streams, not the latest of each definition and format")
	f.IntVar(&s.slices, "slices", 0, w.sliceDescribed)
	f.StringArrayVar(&s.urls, "url", nil, "a `URL` instead of media; may be repeated")
	if w.kind == freshet.Prefetch {
		f.StringArrayVar(&s.headers, "header", nil, "with --url: ask with `NAME:VALUE`; may be repeated, each value of a name is asked for by itself")
		f.StringVar(&s.area, "area", "", "with --url: only the POPs of `AREA` (domestic, overseas)")
		f.BoolVar(&s.parentsOnly, "parents-only", false, "with --url: only POPs that others fill from")
	}
	if w.patterns {
		f.StringArrayVar(&s.prefixes, "prefix", nil, "every URL that begins with `URL`; may be repeated")
		f.StringArrayVar(&s.tags, "tag", nil, "every object that carries `TAG`; may be repeated")
		f.StringArrayVar(&s.regexes, "regex", nil, "every known URL that matches `HOST/EXPRESSION` (RE2, from the path's beginning); may be repeated")
		f.BoolVar(&s.soft, "soft", false, "with --prefix, --tag and --ignore-params: caches that can revalidate what they have, and keep it if it did not change")
		f.BoolVar(&s.ignoreParams, "ignore-params", false, "each --url stands for itself with any query")
	}
	return s
}

// request makes the job request, or says what is wrong with the command line.
func (s *submission) request(cmd *cobra.Command, media []string) (client.JobRequest, error) {
	r := client.JobRequest{Type: s.words.kind, Media: media, URLs: s.urls, Prefixes: s.prefixes, Tags: s.tags, Regexes: s.regexes, IgnoreParams: s.ignoreParams, Soft: s.soft}
	if err := s.route(&r); err != nil {
		return r, err
	}
	direct := len(s.urls) + len(s.prefixes) + len(s.tags) + len(s.regexes)
	flags := cmd.Flags()
	filtered := false
	for _, name := range []string{"formats", "definitions", "stream-type", "multiple", "slices"} {
		filtered = filtered || flags.Changed(name)
	}
	switch {
	case direct == 0 && len(media) == 0:
		return r, usageError{fmt.Errorf("%s needs media IDs or --url", cmd.CommandPath())}
	case direct > 0 && len(media) > 0:
		return r, usageError{errors.New("media IDs exclude --url, --prefix, --tag and --regex")}
	case s.ignoreParams && len(s.urls) == 0:
		return r, usageError{errors.New("--ignore-params belongs to --url")}
	case direct > 0 && filtered:
		return r, usageError{errors.New("filters belong to media IDs")}
	case flags.Changed("slices") && (s.slices < 1 || s.slices > freshet.MaxSliceCount):
		return r, usageError{fmt.Errorf("--slices must be 1 to %d", freshet.MaxSliceCount)}
	case !filtered:
		return r, nil
	}
	r.Filters = &freshet.Filter{
		Formats: texts[freshet.Format](s.formats), Definitions: texts[freshet.Definition](s.definitions),
		StreamTypes: texts[freshet.StreamType](s.streamTypes), Multiple: s.multiple, Slices: s.slices > 0, SliceCount: s.slices,
	}
	return r, nil
}

// route takes what only a prefetch of URLs has.
func (s *submission) route(r *client.JobRequest) error {
	if len(s.urls) == 0 && (len(s.headers) > 0 || s.area != "" || s.parentsOnly) {
		return usageError{errors.New("--header, --area and --parents-only belong to --url")}
	}
	r.Area, r.ParentsOnly = freshet.Scope(s.area), s.parentsOnly
	for _, h := range s.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return usageError{fmt.Errorf("--header %q is not NAME:VALUE", h)}
		}
		if r.Headers == nil {
			r.Headers = map[string][]string{}
		}
		name = strings.TrimSpace(name)
		r.Headers[name] = append(r.Headers[name], strings.TrimSpace(value))
	}
	return nil
}

func texts[T ~string](list []string) []T {
	out := make([]T, len(list))
	for i, s := range list {
		out[i] = T(s)
	}
	return out
}

func newSubmit(d deps, w submitWords) *cobra.Command {
	cmd := &cobra.Command{Use: string(w.kind) + " [ID...|-]", Short: w.short, Long: w.long, Example: w.example, SuggestFor: w.synonyms}
	s := addSubmission(cmd, w)
	var o waitOptions
	o.add(cmd)
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		media, err := mediaIDs(d, args)
		if err != nil {
			return err
		}
		req, err := s.request(cmd, media)
		if err != nil {
			return err
		}
		if err := o.check(); err != nil {
			return err
		}
		b, err := submitMedia(cmd.Context(), r.deps, media, func(ctx context.Context, part []string) (freshet.Receipt, error) {
			req.Media = part
			return c.Submit(ctx, req)
		})
		return b.finish(cmd, r, c, o, err)
	})
	return cmd
}

// noteMissing tells which media were passed over; the rest is worked on, but
// the exit code says that it was not all.
func noteMissing(r *remote, nonExistent, forbidden []string) error {
	for _, id := range nonExistent {
		r.note("media %s does not exist", id)
	}
	for _, id := range forbidden {
		r.note("media %s may not be touched", id)
	}
	if len(nonExistent)+len(forbidden) == 0 {
		return nil
	}
	return exitError{code: exitNotFound}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
