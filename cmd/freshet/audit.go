package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
)

// auditPage is how many records are asked for at a time.
const auditPage = 500

// auditFlags are what records are selected by.
type auditFlags struct {
	since           string
	account, action string
	failed          bool
}

func (a *auditFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.since, "since", "", "only from then on: a `TIME` such as 2026-01-02T03:04:05Z, or how long ago, such as 24h or 7d")
	f.StringVar(&a.account, "account", "", "only those of an `ACCOUNT`; the operator's account may name others")
	f.StringVar(&a.action, "action", "", "only those of an `OPERATION`, such as RefreshMediaPlayUrls or \"POST /v1/jobs\"")
	f.BoolVar(&a.failed, "failed", false, "only those that were refused or failed")
}

func (a *auditFlags) query(now time.Time) (freshet.AuditQuery, error) {
	q := freshet.AuditQuery{Account: a.account, Action: a.action, Failed: a.failed}
	var err error
	q.Since, err = since(a.since, now)
	return q, err
}

// since reads a time, or how long before now it is.
func since(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	var ago config.Duration
	if err := ago.UnmarshalText([]byte(s)); err == nil {
		return now.Add(-ago.Std()), nil
	}
	return time.Time{}, usageError{fmt.Errorf("--since %q is no time such as 2026-01-02T03:04:05Z, and no span such as 24h or 7d", s)}
}

func newAudit(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Show who called which write operation, newest first", Args: needsSubcommand,
		Long: `Show who called which write operation, of the vendor's API and of the native
one (which the command line uses), from where and with what outcome. Calls
whose caller could not be established are not in it.`,
		Example: "  freshet audit --since 24h --failed\n  freshet audit export --since 2026-01-01 -o audit.jsonl",
	}
	var sel auditFlags
	sel.add(cmd)
	var limit int
	cmd.Flags().IntVar(&limit, "limit", 50, "how many, at most")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		q, err := sel.query(time.Now())
		if err != nil {
			return err
		}
		if limit < 1 {
			return usageError{errors.New("--limit must be 1 or more")}
		}
		records := []freshet.AuditRecord{}
		for len(records) < limit {
			q.Limit = min(limit-len(records), auditPage)
			page, err := c.Audit(cmd.Context(), q)
			if err != nil {
				return err
			}
			records = append(records, page.Records...)
			if q.Before = page.Next; q.Before == 0 {
				break
			}
		}
		return r.show(map[string]any{"records": records}, func() error {
			t := r.table("TIME", "ACCOUNT", "KEY", "FROM", "ACTION", "OUTCOME", "JOB", "OBJECT")
			for _, a := range records {
				t.row(when(a.Time), a.Account, a.KeyID, a.Address, a.Action, a.Outcome, a.Job, clip(a.Object))
			}
			return t.flush()
		})
	})
	cmd.AddCommand(newAuditExport(d))
	return cmd
}

// clip keeps a cell of the table on its line.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func newAuditExport(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Write the audit trail as JSON Lines, oldest first", Args: cobra.NoArgs,
		Example: "  freshet audit export --since 2026-01-01 -o audit.jsonl",
	}
	var sel auditFlags
	sel.add(cmd)
	var file string
	cmd.Flags().StringVarP(&file, "output", "o", "-", "the `FILE` to write, which must not exist yet and appears when it is whole; .gz and .zst are compressed; - is standard output")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		q, err := sel.query(time.Now())
		if err != nil {
			return err
		}
		out, err := openOutput(r.export, file)
		if err != nil {
			return err
		}
		bar := r.exportMeter(cmd, file, "records")
		n, err := exportAudit(cmd, c, q, bar.writer(out))
		bar.end()
		if err := out.finish(err); err != nil {
			return err
		}
		r.note("%d records", n)
		return nil
	})
	return cmd
}

func exportAudit(cmd *cobra.Command, c *client.Client, q freshet.AuditQuery, w io.Writer) (n int, err error) {
	q.Oldest, q.Limit = true, auditPage
	for {
		page, err := c.Audit(cmd.Context(), q)
		if err != nil {
			return n, err
		}
		for i := range page.Records {
			if err := writeJSON(w, page.Records[i], false); err != nil {
				return n, err
			}
			n++
		}
		if q.After = page.Next; q.After == 0 {
			return n, nil
		}
	}
}
