package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"coffer"
	"coffer/objects"
)

// CheckInput is the body of POST /v1/instance:check.
type CheckInput struct {
	Data          bool `json:"data,omitempty" doc:"Read every byte, too, and compare it with its checksum."`
	Repair        bool `json:"repair,omitempty" doc:"Mend what can be mended while the server runs."`
	RemoveDamaged bool `json:"remove_damaged,omitempty" doc:"With repair, remove objects whose bytes are lost, unless they are locked."`
}

// Found is something that a check found.
type Found struct {
	coffer.Finding
	Mendable bool `json:"mendable" doc:"A repair of the same kind mends it."`
	Mended   bool `json:"mended" doc:"It was mended."`
}

// CheckLine is one line of the answer of a check: a finding, or, as the last one,
// how much was looked at, or why the check did not come to its end.
type CheckLine struct {
	Found *Found           `json:"found,omitempty"`
	Done  *objects.Checked `json:"done,omitempty"`
	Error string           `json:"error,omitempty"`
}

// Checker checks the store, and tells found of each finding as it comes.
type Checker func(ctx context.Context, caller coffer.Caller, in CheckInput, found func(Found) error) (objects.Checked, error)

// check answers with JSON lines, as findings come.
func (q *request) check(_ none, in CheckInput) (any, error) {
	if q.Check == nil {
		return nil, &coffer.Error{Code: coffer.NotImplemented}
	}
	return stream{linesType, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		done, err := q.Check(q.ctx(), q.caller, in, func(f Found) error { return encoder.Encode(CheckLine{Found: &f}) })
		if err != nil {
			q.Logger.ErrorContext(q.ctx(), "check", "error", err)
			return encoder.Encode(CheckLine{Error: err.Error()})
		}
		return encoder.Encode(CheckLine{Done: &done})
	}}, nil
}

// CheckStore checks the store of the server, and calls found for each finding.
func (c *Client) CheckStore(ctx context.Context, in CheckInput, found func(Found) error) (objects.Checked, error) {
	var none objects.Checked
	resp, err := c.send(ctx, "POST", "/v1/instance:check", in, linesType)
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if err != nil {
			return none, fmt.Errorf("read the server's answer: %w", err)
		}
		return none, readError(resp, b)
	}
	lines := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var line CheckLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return none, fmt.Errorf("the check was cut off: %w", err)
		case line.Done != nil:
			return *line.Done, nil
		case line.Found == nil:
			return none, errors.New(line.Error)
		}
		if err := found(*line.Found); err != nil {
			return none, err
		}
	}
}
