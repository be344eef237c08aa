package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// send makes one attempt. With an error, again says when another may help:
// not before so long, or never, if it is negative.
func (s *Sender) send(ctx context.Context, batch []sdk.ReadOnlySpan) (again time.Duration, err error) {
	body, err := proto.Marshal(s.request(batch))
	if err != nil {
		return -1, fmt.Errorf("encoding spans: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("asking the collector: %w", err)
	}
	maps.Copy(r.Header, s.o.Header)
	r.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("asking the collector: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the connection is used again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return time.Duration(max(wait, 0)) * time.Second, fmt.Errorf("the collector answers %s", resp.Status)
	}
	return -1, fmt.Errorf("the collector answers %s", resp.Status)
}

// request puts spans into the words of the protocol.
func (s *Sender) request(batch []sdk.ReadOnlySpan) *collector.ExportTraceServiceRequest {
	spans := make([]*trace.Span, len(batch))
	for i, b := range batch {
		spans[i] = spanOf(b)
	}
	scope := batch[0].InstrumentationScope()
	return &collector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource: s.resource,
		ScopeSpans: []*trace.ScopeSpans{{
			Scope: &common.InstrumentationScope{Name: scope.Name, Version: scope.Version}, Spans: spans,
		}},
	}}}
}

func spanOf(b sdk.ReadOnlySpan) *trace.Span {
	at, parent := b.SpanContext(), b.Parent()
	id, span := at.TraceID(), at.SpanID()
	out := &trace.Span{
		TraceId: id[:], SpanId: span[:], Flags: uint32(at.TraceFlags()), TraceState: at.TraceState().String(),
		Name: b.Name(), Kind: trace.Span_SpanKind(b.SpanKind()), //nolint:gosec // the same numbers
		StartTimeUnixNano: nanos(b.StartTime()), EndTimeUnixNano: nanos(b.EndTime()),
		Attributes: attributes(b.Attributes()), DroppedAttributesCount: uint32(b.DroppedAttributes()), //nolint:gosec // a few
	}
	if p := parent.SpanID(); parent.IsValid() {
		out.ParentSpanId = p[:]
	}
	switch status := b.Status(); status.Code {
	case codes.Error:
		out.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: status.Description}
	case codes.Ok:
		out.Status = &trace.Status{Code: trace.Status_STATUS_CODE_OK}
	case codes.Unset:
	}
	return out
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// attributes are texts and whole numbers: package trace makes no others.
func attributes(list []attribute.KeyValue) []*common.KeyValue {
	out := make([]*common.KeyValue, len(list))
	for i, kv := range list {
		v := &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: kv.Value.String()}}
		if kv.Value.Type() == attribute.INT64 {
			v = &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: kv.Value.AsInt64()}}
		}
		out[i] = &common.KeyValue{Key: string(kv.Key), Value: v}
	}
	return out
}

// texts are attributes in the order of their names.
func texts(m map[string]string) []*common.KeyValue {
	var out []*common.KeyValue
	for k, v := range m {
		if v != "" {
			out = append(out, &common.KeyValue{Key: k, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: v}}})
		}
	}
	slices.SortFunc(out, func(a, b *common.KeyValue) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return out
}
