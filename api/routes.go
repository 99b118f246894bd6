package api

import (
	"fmt"
	"reflect"
)

// access says who may reach a call. The zero value is a caller who is known, so
// a row that forgets to say is closed; what a caller may do the services decide.
type access int

const (
	known access = iota
	operators
	anyone
)

// route is one call. A path whose last part is a name in braces takes a verb
// behind a colon: {key}:reveal.
type route struct {
	method, path, verb string
	// id is the call's name in docs/openapi.json and in the evidence of who used a
	// key.
	id      string
	summary string
	endpoint
	access access
}

// endpoint is what answers a call, with its types.
type endpoint struct {
	query, body, answer reflect.Type
	// empty says that the body may be left out, since no field of it is needed.
	empty bool
	run   func(*request) (any, error)
}

// call makes an endpoint of a function of the query, the body and nothing else;
// none stands for no query and no body.
func call[Q, B, A any](fn func(*request, Q, B) (A, error)) endpoint {
	e := endpoint{query: reflect.TypeFor[Q](), body: reflect.TypeFor[B](), answer: reflect.TypeFor[A]()}
	e.empty = !anyNeeded(e.body)
	e.run = func(q *request) (any, error) {
		var in Q
		var body B
		done, err := q.turn()
		if err != nil {
			return nil, err
		}
		defer done()
		if err := readQuery(q.r.URL.Query(), reflect.ValueOf(&in).Elem()); err != nil {
			return nil, err
		}
		if err := q.readBody(&body, e.empty); err != nil {
			return nil, err
		}
		answer, err := fn(q, in, body)
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
	return e
}

// answering sets the answer of an endpoint that has more than one form.
func (e endpoint) answering(v any) endpoint {
	e.answer = reflect.TypeOf(v)
	return e
}

// routes is all there is; what it does not name is refused.
var routes = []route{
	{"GET", "/v1/instance", "", "getInstance", "Where the S3 interface is.", call((*request).getInstance), known},
	{"POST", "/v1/instance:reclaim", "", "reclaim", "Delete stored bytes that nothing refers to.", call((*request).reclaim), operators},
	{"GET", "/v1/instance/scrub", "", "getScrub", "How far the reading of all bytes is, and what it found. Operators do.", call((*request).scrubStatus), operators},
	{"POST", "/v1/instance/scrub:start", "", "startScrub", "Begin to read all bytes now, unless that is under way. Operators do.", call((*request).startScrub), operators},
	{"POST", "/v1/instance:check", "", "checkInstance", "Compare all records and files with one another, as JSON lines. Operators do.", call((*request).check).answering(CheckLine{}), operators},

	{"GET", "/v1/accounts", "", "listAccounts", "The accounts that the caller may see.", call((*request).listAccounts), known},
	{"POST", "/v1/accounts", "", "createAccount", "Make an account and its first key. Operators do.", call((*request).createAccount), operators},
	{"GET", "/v1/accounts/{account}/quota", "", "getAccountQuota", "How much an account may have, and how much it has.", call((*request).getAccountQuota), known},
	{"PATCH", "/v1/accounts/{account}/quota", "", "changeAccountQuota", "Change how much an account, or a key of it, may have. Operators do.", call((*request).changeAccountQuota), operators},
	{"GET", "/v1/buckets/{bucket}/quota", "", "getBucketQuota", "How much a bucket may hold, and how much it holds.", call((*request).getBucketQuota), known},
	{"PATCH", "/v1/buckets/{bucket}/quota", "", "changeBucketQuota", "Change how much a bucket may hold. Operators do.", call((*request).changeBucketQuota), operators},
	{"GET", "/v1/buckets/{bucket}/lifecycle-preview", "", "previewLifecycle", "What each lifecycle rule of a bucket would do if it ran now. It looks at the whole bucket. Operators do.", call((*request).previewLifecycle), operators},

	{"GET", "/v1/keys", "", "listKeys", "The access keys of an account.", call((*request).listKeys), known},
	{"POST", "/v1/keys", "", "createKey", "Make or import an access key; the answer has its secret.", call((*request).createKey), known},
	{"POST", "/v1/keys/self:revoke", "", "revokeSelf", "End the key that signed this request, whatever its scope.", call((*request).revokeSelf), known},
	{"GET", "/v1/keys/{key}", "", "getKey", "An access key.", call((*request).getKey), known},
	{"PATCH", "/v1/keys/{key}", "", "changeKey", "Rename, pause, resume or extend: one in each call.", call((*request).changeKey), known},
	{"DELETE", "/v1/keys/{key}", "", "deleteKey", "End a key at once. It can be restored for 30 days.", call((*request).deleteKey), known},
	{"POST", "/v1/keys/{key}", "undelete", "undeleteKey", "Restore a deleted key as it was.", call((*request).undeleteKey), known},
	{"POST", "/v1/keys/{key}", "pause", "pauseKey", "Refuse a key until it is resumed.", call((*request).pauseKey), known},
	{"POST", "/v1/keys/{key}", "resume", "resumeKey", "End a pause.", call((*request).resumeKey), known},
	{"POST", "/v1/keys/{key}", "reveal", "revealKey", "The key with its secret. Members sign in freshly for it.", call((*request).revealKey), known},
	{"POST", "/v1/keys/{key}", "rotate", "rotateKey", "Make a new credential beside the old one; the answer has its secret. Both work until confirm or cancel.", call((*request).rotateKey), known},
	{"POST", "/v1/keys/{key}", "confirm", "confirmKey", "End the outgoing credential. While it is in use, KeyInUse tells who uses it.", call((*request).confirmKey), known},
	{"POST", "/v1/keys/{key}", "cancel", "cancelKey", "End the new credential instead. While it is in use, KeyInUse tells who uses it.", call((*request).cancelKey), known},
	{"POST", "/v1/keys/{key}", "scream-test", "screamTest", "Refuse the outgoing credential for some minutes, to find who still needs it.", call((*request).screamTest), known},
	{"GET", "/v1/keys/{key}/usage", "", "getKeyUsage", "Who uses a key.", call((*request).keyUsage), known},
	{"PUT", "/v1/keys/{key}/scope", "", "setKeyScope", "What a key may do.", call((*request).setScope), known},

	{"GET", "/v1/members", "", "listMembers", "The members of an account.", call((*request).listMembers), known},
	{"GET", "/v1/members/{member}", "", "getMember", "A member, by ID or e-mail address.", call((*request).getMember), known},
	{"PATCH", "/v1/members/{member}", "", "changeMember", "Change a member's role, or the right over the instance.", call((*request).changeMember), known},
	{"DELETE", "/v1/members/{member}", "", "removeMember", "Remove a member with all sessions.", call((*request).removeMember), known},
	{"POST", "/v1/members/{member}", "reset", "resetMember", "Make a one-time link by which a member sets a new password.", call((*request).resetMember), known},
	{"POST", "/v1/members/{member}", "end-sessions", "endMemberSessions", "End all sessions of a member.", call((*request).endMemberSessions), known},
	{"GET", "/v1/invitations", "", "listInvitations", "The one-time links that are open.", call((*request).listInvitations), known},
	{"POST", "/v1/invitations", "", "invite", "Make a one-time link by which somebody becomes a member.", call((*request).invite), known},
	{"DELETE", "/v1/invitations/{invitation}", "", "revokeInvitation", "End a one-time link.", call((*request).revokeInvitation), known},

	{"GET", "/v1/webhooks", "", "listWebhooks", "The webhooks that events go to. Operators see them.", call((*request).listWebhooks), operators},
	{"GET", "/v1/webhooks/{webhook}", "", "getWebhook", "The last deliveries to a webhook, and the events that were given up.", call((*request).getWebhook), operators},
	{"POST", "/v1/webhooks/{webhook}", "test", "testWebhook", "Send an s3:TestEvent to a webhook.", call((*request).testWebhook), operators},
	{"POST", "/v1/webhooks/{webhook}", "replay", "replayWebhook", "Send the events again that were given up.", call((*request).replayWebhook), operators},
	{"GET", "/v1/buckets/{bucket}/replication", "", "getReplication", "How the replication of a bucket goes.", call((*request).getReplication), operators},

	{"GET", "/v1/audit", "", "listAudit", "The audit log; as JSON lines, all of it, for who accepts " + linesType + ".", call((*request).listAudit).answering(eventList{}), known},

	{"GET", "/v1/openapi.json", "", "getOpenAPI", "This document.", call((*request).getOpenAPI).answering(document{}), anyone},
}

func (q *request) getInstance(none, none) (Instance, error) {
	i := Instance{Version: q.Version, Region: q.Region}
	if q.Endpoint != nil {
		i.Endpoint = q.Endpoint()
	}
	return i, nil
}

func (q *request) reclaim(none, none) (ReclaimReport, error) {
	if q.Reclaim == nil {
		return ReclaimReport{}, errNoReclaim()
	}
	report, err := q.Reclaim(q.ctx())
	if err != nil {
		return ReclaimReport{}, fmt.Errorf("reclaim: %w", err)
	}
	return report, nil
}
