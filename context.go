package coffer

import "context"

type requestIDKey struct{}

// WithRequestID returns ctx with the request's ID in it.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the ID of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// RequestLine is the message of the log line that each request ends with. It is
// the one line that the log may hold back for a moment.
const RequestLine = "request"
