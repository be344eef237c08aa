package rpc

import (
	"context"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/vod"
)

type refreshAnswer struct {
	JobID       string `json:"MediaRefreshJobId" xml:"MediaRefreshJobId"`
	NonExistent string `json:"NonExistMediaIds" xml:"NonExistMediaIds"`
	Forbidden   string `json:"ForbiddenMediaIds" xml:"ForbiddenMediaIds"`
	RequestID   string `json:"RequestId" xml:"RequestId"`
}

// refreshMediaPlayUrls purges or prefetches media (contract §4.1).
func (s *server) refreshMediaPlayUrls(ctx context.Context, c *call) (any, error) {
	sub, err := readSubmission(c)
	if err != nil {
		return nil, err
	}
	sub.Account = c.identity.Account
	for _, id := range sub.Media {
		if !c.may(policy.Media(id)) {
			sub.Forbidden = append(sub.Forbidden, id)
		}
	}
	sub.Nonce, sub.NonceExpires = c.identity.Nonce, c.identity.NonceExpires
	receipt, err := s.Engine.Submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	if receipt.JobID == "" {
		// Its media may exist when somebody repeats it after a restart.
		if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
			return nil, err
		}
	}
	return refreshAnswer{
		JobID:       receipt.JobID,
		NonExistent: strings.Join(receipt.NonExistent, ","),
		Forbidden:   strings.Join(receipt.Forbidden, ","),
		RequestID:   c.requestID,
	}, nil
}

// readSubmission reads and checks the parameters in the order of contract
// §4.1's table; the first fault is answered.
func readSubmission(c *call) (freshet.Submission, error) {
	var sub freshet.Submission
	sub.Media = items(c.params.Get("MediaIds"), freshet.MaxMediaPerJob)
	if len(sub.Media) == 0 {
		return sub, missing("MediaIds")
	}
	if len(sub.Media) > freshet.MaxMediaPerJob {
		return sub, &fault{kind: mediaIDsExceededMax}
	}
	task, err := enum(c, "TaskType", vod.Refresh, vod.Preload)
	switch {
	case err != nil:
		return sub, err
	case task == "":
		return sub, missing("TaskType")
	case task == vod.Refresh:
		sub.Type = freshet.Purge
	default:
		sub.Type = freshet.Prefetch
	}
	if sub.Filter, err = readFilter(c); err != nil {
		return sub, err
	}
	sub.Policy = vod.FilterPolicy(sub.Filter)
	sub.UserData = c.params.Get("UserData")
	if _, err := vod.ParseUserData(sub.UserData); err != nil {
		return sub, &fault{kind: invalidParameter, name: "UserData", cause: err}
	}
	return sub, nil
}

func readFilter(c *call) (freshet.Filter, error) {
	var f freshet.Filter
	var err error
	if f.Formats, err = enums(c, "Formats", freshet.Formats()); err != nil {
		return f, err
	}
	if f.Definitions, err = enums(c, "Definitions", freshet.Definitions()); err != nil {
		return f, err
	}
	if f.StreamTypes, err = enums(c, "StreamType", freshet.StreamTypes()); err != nil {
		return f, err
	}
	result, err := enum(c, "ResultType", vod.Single, vod.Multiple)
	if err != nil {
		return f, err
	}
	f.Multiple = result == vod.Multiple
	if f.Slices, err = c.boolean("SliceFlag"); err != nil {
		return f, err
	}
	// SliceCount is checked even where it has no effect (U22).
	def := 0
	if f.Slices {
		def = freshet.DefaultSliceCount
	}
	f.SliceCount, err = c.integer("SliceCount", def, freshet.MaxSliceCount)
	return f, err
}
