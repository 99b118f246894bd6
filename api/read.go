package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"coffer"
)

// bodyBytesMax is the length of the longest request body: a scope of 32 KiB, however it
// is escaped. A body is read before it is known who sent it, so that as many as may
// connect must not take all memory there is.
const bodyBytesMax = 256 << 10

// read takes the whole body of a request, in its bounds.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyBytesMax))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, coffer.Errorf(coffer.EntityTooLarge, "the body is longer than %d bytes", bodyBytesMax)
	}
	if err != nil {
		return nil, coffer.Errorf(coffer.IncompleteBody, "the body could not be read").Wrap(err)
	}
	return b, nil
}

// A body of lists that are all but empty takes forty times its length once it is read, so
// that only largeMax calls with more than largeBytes are carried out at a time.
const (
	largeBytes = 8 << 10
	largeMax   = 4
)

// turn waits until the call may be carried out, and returns what ends that.
func (q *request) turn() (done func(), err error) {
	if len(q.body) <= largeBytes {
		return func() {}, nil
	}
	select {
	case q.large <- struct{}{}:
		return func() { <-q.large }, nil
	case <-q.ctx().Done():
		return nil, coffer.Errorf(coffer.RequestTimeout, "the client did not wait").Wrap(q.ctx().Err())
	}
}

// readBody decodes the body into v: one JSON object, with no field that v does
// not have and nothing behind it. Empty says that it may be left out.
func (q *request) readBody(v any, empty bool) error {
	if len(q.body) == 0 && empty {
		return nil
	}
	err := decodeStrict(q.body, v)
	if err == nil && !bytes.HasPrefix(bytes.TrimLeft(q.body, " \t\r\n"), []byte("{")) {
		err = errors.New("it is no JSON object")
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	return coffer.Errorf(coffer.InvalidRequest, "the body is not what this call takes: %s",
		strings.TrimPrefix(err.Error(), "json: "))
}

// decodeStrict reads b into v as encoding/json does, but for what that is lenient in:
// fields that v does not have, names in another case, and names that are there twice.
func decodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is more behind the JSON object")
		}
	}
	if err == nil {
		err = checkNames(b)
	}
	return err
}

// checkNames refuses names that encoding/json takes for one another: of two fields
// that mean the same the last would count, where somebody else has read the first.
func checkNames(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	var objects []map[string]bool // of the open objects, nil for a list
	name := false                 // whether a name comes next
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end: the document was read before
		}
		here := len(objects) - 1
		if text, ok := token.(string); ok && name {
			if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				return fmt.Errorf("unknown field %.64q", text)
			}
			if objects[here][text] {
				return fmt.Errorf("the field %.64q is there twice", text)
			}
			objects[here][text], name = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			objects = append(objects, map[string]bool{})
		case json.Delim('['):
			objects = append(objects, nil)
		case json.Delim('}'), json.Delim(']'):
			objects = objects[:here]
		}
		name = len(objects) > 0 && objects[len(objects)-1] != nil
	}
}

// anyNeeded tells whether a body must have a field.
func anyNeeded(t reflect.Type) bool {
	return slices.ContainsFunc(reflect.VisibleFields(t), needed)
}

// needed tells whether a field of a body must be there: those that may be left
// out say so in their tag.
func needed(f reflect.StructField) bool {
	return f.IsExported() && !strings.Contains(f.Tag.Get("json"), ",omit")
}

// queryFields are the parameters that a query type has, by name.
func queryFields(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if f.Tag.Get("query") != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// readQuery reads the parameters into the fields of v. Each must be known and
// there once.
func readQuery(values url.Values, v reflect.Value) error {
	fields := queryFields(v.Type())
	for name, texts := range values {
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("query") == name })
		if i < 0 || len(texts) != 1 {
			return coffer.Errorf(coffer.InvalidArgument, "the parameter %.64q is unknown or there twice", name)
		}
		if err := setParameter(v.FieldByIndex(fields[i].Index), texts[0]); err != nil {
			return coffer.Errorf(coffer.InvalidArgument, "the parameter %s is %.64q: it must be %s", name, texts[0], err)
		}
	}
	return nil
}

// setParameter reads one value; its error says what it must be.
func setParameter(field reflect.Value, text string) error {
	switch p := field.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Optional[string]:
		*p = Some(text)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false")
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errors.New("a number from 1 on")
		}
		*p = n
	case *time.Time:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil || t.Year() < 1700 || t.Year() > 2200 {
			return errors.New("a time such as 2026-03-01T12:00:00Z")
		}
		*p = t
	default:
		return errors.New("something that this server cannot read")
	}
	return nil
}
