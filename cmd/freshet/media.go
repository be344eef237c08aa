package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newMedia(d deps) *cobra.Command {
	return group("media", "Import, list and show media", newMediaImport(d), newMediaList(d), newMediaShow(d))
}

func newMediaImport(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE|-", Short: "Take media in from JSON Lines", Args: cobra.ExactArgs(1),
		Long: `Take media in from a file with one media a line, or from standard input with "-".
A line is in the form of "freshet media list --json", or a GetPlayInfo response
of the vendor. Bad lines are told with their number and reason, the good ones
are kept, and the exit code is then 1. A media that exists is replaced.
An import that is interrupted, or loses the server for longer than half a minute,
says from which line to go on; taking lines in twice is harmless.`,
	}
	r := addRemote(d, cmd)
	from := cmd.Flags().Int("from-line", 1, "go on from this line; those before it are passed over")
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if *from < 1 {
			return usageError{fmt.Errorf("--from-line is %d; lines count from 1", *from)}
		}
		in, total, err := openInput(d, args[0])
		if err != nil {
			return err
		}
		defer in.Close()
		return importMedia(cmd, r, c, importInput{name: args[0], r: in, size: total, from: *from})
	})
	return cmd
}

// openInput opens a file, or standard input; total is its size, 0 if unknown.
func openInput(d deps, name string) (in io.ReadCloser, total int64, err error) {
	if name == "-" {
		return io.NopCloser(d.in), 0, nil
	}
	f, err := os.Open(name) //nolint:gosec // the user names the file
	if err != nil {
		return nil, 0, freshet.Errorf(freshet.CodeInvalid, "The media cannot be read: %w.", err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		total = info.Size()
	}
	return f, total, nil
}

// importAnswer is the output for programs.
type importAnswer struct {
	client.ImportSummary
	Errors []client.ImportFault `json:"errors"`
	// Next is the line from which to go on, if the import broke off.
	Next int `json:"next_line,omitempty"`
}

// maxImportErrors bounds the refused lines that are listed in JSON: they are
// held in memory until the end.
const maxImportErrors = 10_000

// importInput is what is imported.
type importInput struct {
	name string
	r    io.Reader
	size int64 // 0: not known
	from int   // first line
}

func importMedia(cmd *cobra.Command, r *remote, c *client.Client, in importInput) error {
	answer := importAnswer{Errors: []client.ImportFault{}}
	foreign := false // a line was refused for its host
	bar := newByteBar(cmd.Context(), r.deps, "import", in.size)
	told := func(f client.ImportFault) {
		if r.json {
			if len(answer.Errors) < maxImportErrors {
				answer.Errors = append(answer.Errors, f)
			}
			return
		}
		name := ""
		if f.ID != "" {
			name = " (" + f.ID + ")"
		}
		bar.note(clean(fmt.Sprintf("line %d%s: %s", f.Line, name, f.Error)))
		foreign = foreign || strings.Contains(f.Error, "is not a domain of the account")
	}
	res, err := c.ImportLines(cmd.Context(), bar.reader(in.r), client.ImportOptions{
		From: in.from, Report: told,
		Waiting: func(err error) {
			if e, ok := errors.AsType[*freshet.Error](err); ok && e.Code == freshet.CodeUnavailable {
				bar.note(clean(e.Message + " Trying again."))
			}
		},
	})
	bar.end()
	if foreign {
		r.note("a host becomes a domain with: freshet domain add NAME --origin URL [--alias NAME]")
	}
	answer.ImportSummary = res.ImportSummary
	if err != nil {
		answer.Next = res.Next
	}
	showErr := r.show(answer, func() error {
		_, err := fmt.Fprintf(r.out, "imported %d, refused %d\n", res.Imported, res.Refused)
		return err
	})
	if err != nil && res.Next > in.from {
		r.note("all lines before %d are dealt with; go on with: freshet media import %s --from-line %d", res.Next, in.name, res.Next)
	}
	switch {
	case err != nil:
		return err
	case showErr != nil:
		return showErr
	case res.Refused > 0:
		return exitError{code: exitInput}
	}
	return nil
}

func newMediaList(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List media; --json prints them in the form that import takes", Args: cobra.NoArgs,
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		bar := r.listMeter(cmd, "list", "media")
		defer bar.end()
		t := r.table("MEDIA", "TYPE", "STATUS", "STREAMS", "UPDATED", "TITLE")
		for after := ""; ; {
			page, err := c.ListMedia(cmd.Context(), after, 0)
			if err != nil {
				return err
			}
			for _, m := range page.Media {
				if !r.json {
					t.row(m.ID, m.Type, m.Status, num(len(m.Streams)), when(m.Updated), m.Title)
				} else if err := writeJSON(r.out, m, false); err != nil {
					return err
				}
			}
			if bar.add(int64(len(page.Media))); !r.json {
				err = t.flush()
			}
			if err != nil || page.Next == "" {
				return err
			}
			after = page.Next
		}
	})
	return cmd
}

func newMediaShow(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one media with its streams", Args: cobra.ExactArgs(1)}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		m, err := c.Media(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return r.show(m, func() error {
			head := r.table()
			head.row("media", m.ID)
			head.row("title", m.Title)
			head.row("type", m.Type)
			head.row("status", m.Status)
			head.row("updated", when(m.Updated))
			if err := head.flush(); err != nil {
				return err
			}
			fmt.Fprintln(r.out)
			t := r.table("DEFINITION", "FORMAT", "TYPE", "SIZE", "CREATED", "URL")
			for _, s := range m.Streams {
				t.row(string(s.Definition), string(s.Format), string(s.Type), size(s.Size), when(s.Created), s.URL)
			}
			return t.flush()
		})
	})
	return cmd
}
