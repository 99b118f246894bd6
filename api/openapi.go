package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"coffer"
	"coffer/accounts"
	"coffer/audit"
)

// document is an OpenAPI document (OpenAPI Specification 3.1.1).
type document map[string]any

func (q *request) getOpenAPI(none, none) (any, error) { return q.openAPI, nil }

// object is any part of the document.
type object = map[string]any

// names are the schemas whose Go name alone would not say what they are.
var names = map[reflect.Type]string{
	reflect.TypeFor[audit.Event]():    "AuditEvent",
	reflect.TypeFor[audit.Who]():      "AuditWho",
	reflect.TypeFor[audit.Kind]():     "AuditWhoKind",
	reflect.TypeFor[eventList]():      "AuditEventList",
	reflect.TypeFor[keyList]():        "KeyList",
	reflect.TypeFor[accountList]():    "AccountList",
	reflect.TypeFor[memberList]():     "MemberList",
	reflect.TypeFor[invitationList](): "InvitationList",
	reflect.TypeFor[errorAnswer]():    "Error",
	reflect.TypeFor[errorBody]():      "ErrorBody",
}

// values are the types that have a few values only.
var values = map[reflect.Type][]any{
	reflect.TypeFor[coffer.KeyStatus]():      {coffer.KeyActive, coffer.KeyPaused, coffer.KeyExpired, coffer.KeyDeleted},
	reflect.TypeFor[coffer.RotationReason](): {coffer.ReasonRoutine, coffer.ReasonLeaked, coffer.ReasonOther},
	reflect.TypeFor[coffer.Role]():           anys(coffer.Roles()),
	reflect.TypeFor[coffer.Preset]():         anys(coffer.Presets()),
	reflect.TypeFor[audit.Kind]():            {audit.KindMember, audit.KindKey, audit.KindOperator, audit.KindSystem},
	reflect.TypeFor[accounts.LinkKind]():     {accounts.LinkInvite, accounts.LinkReset},
}

func anys[T any](all []T) []any {
	var out []any
	for _, v := range all {
		out = append(out, v)
	}
	return out
}

// openAPI writes the document from the table of routes and their types.
func openAPI() document {
	s := schemas{}
	failure := object{"description": "Refused, or failed.", "content": jsonContent(s.of(reflect.TypeFor[errorAnswer]()))}
	paths := object{}
	for _, r := range routes {
		path := r.path
		if r.verb != "" {
			path += ":" + r.verb
		}
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(r.method)] = s.operation(r)
	}
	return document{
		"openapi": "3.1.1",
		"info": object{"title": "coffer", "version": "1", "description": "The JSON interface of coffer: access keys, accounts, members and the audit log. " +
			"A request is signed with an access key (AWS Signature Version 4 in the Authorization header, service coffer, any region), " +
			"or bears the session of the console, or comes through the socket of the data folder. A field that a body does not have is refused."},
		"paths":    paths,
		"security": []any{object{"signature": []string{}}, object{"session": []string{}}},
		"components": object{
			"schemas":   object(s),
			"responses": object{"Error": failure},
			"securitySchemes": object{
				"signature": object{"type": "apiKey", "in": "header", "name": "Authorization",
					"description": "AWS4-HMAC-SHA256, for the service coffer or s3; the SHA-256 of the body is signed."},
				"session": object{"type": "apiKey", "in": "cookie", "name": "__Host-coffer_session",
					"description": "The session of a member who is signed in to the console. Over plain http the name is coffer_session."},
			},
		},
	}
}

func (s schemas) operation(r route) object {
	op := object{"operationId": r.id, "summary": r.summary, "responses": object{
		"200":     object{"description": "Done.", "content": jsonContent(s.of(r.answer))},
		"default": object{"$ref": "#/components/responses/Error"},
	}}
	var parameters []any
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			parameters = append(parameters, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true,
				"schema": object{"type": "string"}})
		}
	}
	for _, f := range queryFields(r.query) {
		parameters = append(parameters, object{"name": f.Tag.Get("query"), "in": "query", "description": f.Tag.Get("doc"), "schema": s.of(f.Type)})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if r.body != reflect.TypeFor[none]() {
		op["requestBody"] = object{"required": !r.empty, "content": jsonContent(s.of(r.body))}
	}
	if r.id == "listAudit" {
		op["responses"].(object)["200"].(object)["content"].(object)[linesType] = object{"schema": s.of(reflect.TypeFor[audit.Event]())}
	}
	if r.access == anyone {
		op["security"] = []any{}
	}
	return op
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}

// schemas are those of the named types, by name.
type schemas object

// of returns the schema of a type, or a reference to it.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[PlainSecret]():
		return object{"type": "string", "format": "password"}
	case t == reflect.TypeFor[coffer.Actions]():
		return object{"type": "array", "items": object{"type": "string"}}
	case t == reflect.TypeFor[document]():
		return object{"type": "object"}
	case values[t] != nil:
		return object{"type": "string", "enum": values[t]}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if strings.HasPrefix(t.Name(), "Optional[") {
			return s.of(t.Field(1).Type)
		}
		return s.named(t)
	}
	return object{"type": "string"}
}

func (s schemas) named(t reflect.Type) object {
	name := names[t]
	if name == "" {
		name = t.Name()
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if s[name] != nil {
		return ref
	}
	properties, required := object{}, []string{}
	s[name] = object{} // ends a type that has itself in it
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" {
			continue
		}
		property := maps.Clone(s.of(f.Type))
		if nullable(f) {
			property = object{"anyOf": []any{property, object{"type": "null"}}}
		}
		if doc := f.Tag.Get("doc"); doc != "" {
			property["description"] = doc
		}
		properties[tag] = property
		if needed(f) {
			required = append(required, tag)
		}
	}
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		schema["required"] = required
	}
	s[name] = schema
	return ref
}

// nullable tells whether a field can be null: a pointer that is always there, or
// one that is optional besides.
func nullable(f reflect.StructField) bool {
	if strings.HasPrefix(f.Type.Name(), "Optional[") {
		return f.Type.Field(1).Type.Kind() == reflect.Pointer
	}
	return f.Type.Kind() == reflect.Pointer && needed(f)
}

// Document is the OpenAPI document, as it is checked in as docs/openapi.json.
func Document() ([]byte, error) {
	b, err := json.MarshalIndent(openAPI(), "", "  ")
	return append(b, '\n'), err
}
