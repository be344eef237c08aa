package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// recent is how old the jobs are that Tab offers.
const recent = 24 * time.Hour

// argumentValues says what the arguments of commands can be. Media IDs are not
// offered: there may be millions, and listing some would hide the others.
func argumentValues() map[string]value {
	pops, domains, keys := value{known: knownPOPs}, value{known: knownDomains}, value{known: knownKeys}
	accounts, jobs, callbacks := value{known: knownAccounts}, value{known: knownJobs}, value{known: knownCallbacks}
	anyFile := value{files: []string{"*"}}
	return map[string]value{
		"freshet job":             jobs,
		"freshet pop revoke":      pops,
		"freshet pop remove":      pops,
		"freshet pop down":        pops,
		"freshet pop drain":       pops,
		"freshet pop up":          pops,
		"freshet pop add":         pops,
		"freshet domain add":      domains,
		"freshet domain stop":     domains,
		"freshet domain start":    domains,
		"freshet domain approve":  domains,
		"freshet domain remove":   domains,
		"freshet domain auth":     domains,
		"freshet key disable":     keys,
		"freshet key enable":      keys,
		"freshet key delete":      keys,
		"freshet key token":       keys,
		"freshet policy set":      keys,
		"freshet policy show":     keys,
		"freshet policy remove":   keys,
		"freshet account disable": accounts,
		"freshet account enable":  accounts,
		"freshet callbacks retry": callbacks,
		"freshet media import":    {files: []string{"jsonl", "ndjson", "json"}},
		"freshet config check":    {files: []string{"yaml", "yml"}},
		"freshet backup":          anyFile,
		"freshet restore":         anyFile,
		"freshet man":             {dir: true},
		"freshet completion":      {words: []string{"bash", "zsh", "fish"}},
	}
}

// flagValues says what the values of flags can be, by flag, or by command and
// flag where a name means something else.
func flagValues() map[string]value {
	config, anyFile, pops := value{files: []string{"yaml", "yml"}}, value{files: []string{"*"}}, value{known: knownPOPs}
	return map[string]value{
		"--account":                    {known: knownAccounts},
		"--area":                       {words: words(freshet.Scopes()[:2])},
		"--backup-key-file":            anyFile,
		"--color":                      {words: colours()},
		"--config":                     config,
		"--data":                       {dir: true},
		"--definitions":                {words: words(freshet.Definitions()), list: true},
		"--file":                       anyFile,
		"--formats":                    {words: words(freshet.Formats()), list: true},
		"--main-key-file":              anyFile,
		"--output":                     anyFile,
		"--parent":                     pops,
		"--policy":                     anyFile,
		"--pop":                        pops,
		"--stream-type":                {words: []string{string(freshet.StreamVideo), string(freshet.StreamAudio)}, list: true},
		"--verify":                     {words: []string{"ack", "inspect", "probe"}},
		"--type":                       {words: []string{"A", "B", "C", "C-query", "none"}},
		"freshet domain list --status": {words: []string{"online", "offline", "checking"}},
		"freshet takedown --status":    {words: []string{"451", "404"}},
	}
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func knownPOPs(ctx context.Context, c *client.Client) ([]string, error) {
	pops, err := c.POPs(ctx)
	out := make([]string, 0, len(pops))
	for i := range pops {
		out = append(out, pops[i].ID+"\t"+pops[i].State)
	}
	return out, err
}

func knownDomains(ctx context.Context, c *client.Client) ([]string, error) {
	domains, err := c.DomainsOf(ctx, "", "")
	out := make([]string, 0, len(domains))
	for i := range domains {
		out = append(out, domains[i].Name+"\t"+string(domains[i].Status()))
	}
	return out, err
}

func knownKeys(ctx context.Context, c *client.Client) ([]string, error) {
	keys, err := c.Keys(ctx, "")
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		about := "enabled"
		if k.Disabled {
			about = "disabled"
		}
		out = append(out, k.ID+"\t"+about)
	}
	return out, err
}

func knownAccounts(ctx context.Context, c *client.Client) ([]string, error) {
	accounts, err := c.Accounts(ctx)
	out := make([]string, 0, len(accounts))
	for _, a := range accounts {
		out = append(out, a.Name)
	}
	return out, err
}

// knownJobs are those of the last day, of the newest hundred.
func knownJobs(ctx context.Context, c *client.Client) ([]string, error) {
	page, err := c.Jobs(ctx, time.Time{}, 100)
	var out []string
	for _, j := range page.Jobs {
		if age := time.Since(j.Created); age < recent {
			var media []string
			for _, row := range j.Rows {
				media = append(media, row.Media)
			}
			out = append(out, fmt.Sprintf("%s\t%s %s, %s ago", j.ID, j.Type, clip(strings.Join(media, " ")), max(age, 0).Round(time.Second)))
		}
	}
	return out, err
}

func knownCallbacks(ctx context.Context, c *client.Client) ([]string, error) {
	page, err := c.Callbacks(ctx, true, "", 100)
	var out []string
	for i := range page.Callbacks {
		out = append(out, page.Callbacks[i].ID+"\t"+clip(page.Callbacks[i].Error))
	}
	return out, err
}
