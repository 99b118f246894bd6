package policy_test

import (
	"errors"
	"strings"
	"testing"

	"coffer/policy"
)

const (
	alice   = "arn:aws:iam::111122223333:user/alice"
	account = "111122223333"
	other   = "444455556666"
)

var canonical = strings.Repeat("79a59df900b949e5", 4)

// context is a request's condition keys.
type context map[string][]string

func (c context) get(key string) []string { return c[key] }

// ask is a request of alice's to read, with changes.
func ask(change func(*policy.Request)) *policy.Request {
	q := &policy.Request{
		Action: "s3:GetObject", Resource: "arn:aws:s3:::logs/2030/a.txt",
		Principal: policy.Principal{Account: account, Canonical: canonical, ARNs: []string{alice}},
	}
	if change != nil {
		change(q)
	}
	return q
}

func resource(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.ParseResource([]byte(text))
	if err != nil {
		t.Fatalf("ParseResource(%s) = %v", text, err)
	}
	return d
}

// statement is a document of one statement about everybody and everything, with
// more members, or other ones in place of those.
func statement(more string) string {
	for _, m := range []struct{ name, text string }{
		{"Effect", `"Effect":"Allow"`}, {"Principal", `"Principal":"*"`}, {"Action", `"Action":"*"`}, {"Resource", `"Resource":"*"`},
	} {
		if !strings.Contains(more, m.name+`":`) {
			more += "," + m.text
		}
	}
	return `{"Version":"2012-10-17","Statement":{` + strings.TrimPrefix(more, ",") + `}}`
}

func TestEvaluate(t *testing.T) {
	anonymous := func(q *policy.Request) {
		q.Principal = policy.Principal{Anonymous: true, Account: account, ARNs: []string{alice}}
	}
	stranger := func(q *policy.Request) {
		q.Principal = policy.Principal{Account: other, Canonical: strings.Repeat("0", 64), ARNs: []string{"arn:aws:iam::444455556666:user/alice"}}
	}
	on := func(resource string) func(*policy.Request) { return func(q *policy.Request) { q.Resource = resource } }
	to := func(action string) func(*policy.Request) { return func(q *policy.Request) { q.Action = action } }
	tests := []struct {
		name   string
		more   string
		change func(*policy.Request)
		want   policy.Effect
	}{
		{"EverythingIsAllowed", ``, nil, policy.Allow},
		{"EverythingIsAllowedToAnyone", ``, anonymous, policy.Allow},
		{"AWSStarIsAnyone", `"Principal":{"AWS":"*"}`, anonymous, policy.Allow},
		{"ADenyDenies", `"Effect":"Deny"`, nil, policy.Deny},

		{"AnAccountIsItsUsers", `"Principal":{"AWS":"111122223333"}`, nil, policy.Allow},
		{"TheRootIsTheAccount", `"Principal":{"AWS":["arn:aws:iam::111122223333:root"]}`, nil, policy.Allow},
		{"AnAccountIsNotAnother", `"Principal":{"AWS":"111122223333"}`, stranger, policy.NoMatch},
		{"AnAccountIsNotAnonymous", `"Principal":{"AWS":"111122223333"}`, anonymous, policy.NoMatch},
		{"AUserByARN", `"Principal":{"AWS":"` + alice + `"}`, nil, policy.Allow},
		{"AUserIsNotAnonymous", `"Principal":{"AWS":"` + alice + `"}`, anonymous, policy.NoMatch},
		{"AUserOfAnotherAccount", `"Principal":{"AWS":"` + alice + `"}`, stranger, policy.NoMatch},
		{"ACanonicalUser", `"Principal":{"CanonicalUser":"` + canonical + `"}`, nil, policy.Allow},
		{"ACanonicalUserInCapitals", `"Principal":{"CanonicalUser":"` + strings.ToUpper(canonical) + `"}`, nil, policy.Allow},
		{"AnotherCanonicalUser", `"Principal":{"CanonicalUser":"` + canonical + `"}`, stranger, policy.NoMatch},
		{"AService", `"Principal":{"Service":"logging.s3.amazonaws.com"}`, func(q *policy.Request) {
			q.Principal = policy.Principal{ARNs: []string{"logging.s3.amazonaws.com"}}
		}, policy.Allow},
		{"NotPrincipalSparesTheNamed", `"Effect":"Deny","NotPrincipal":{"AWS":"` + alice + `"}`, nil, policy.NoMatch},
		{"NotPrincipalMeansTheOthers", `"Effect":"Deny","NotPrincipal":{"AWS":"` + alice + `"}`, stranger, policy.Deny},
		{"NotPrincipalMeansTheAnonymous", `"Effect":"Deny","NotPrincipal":{"AWS":"` + account + `"}`, anonymous, policy.Deny},

		{"NotPrincipalWithTheAccountSparesItsUsers", `"Effect":"Deny","NotPrincipal":{"AWS":"` + account + `"}`, nil, policy.NoMatch},
		{"NotPrincipalWithTheAccountAndAUserSparesTheUser", `"Effect":"Deny","NotPrincipal":{"AWS":["` + account + `","` + alice + `"]}`, nil, policy.NoMatch},
		{"NotPrincipalWithTheAccountAndAUserMeansOtherUsers", `"Effect":"Deny","NotPrincipal":{"AWS":["` + account + `","` + alice + `"]}`, func(q *policy.Request) {
			q.Principal.ARNs = []string{"arn:aws:iam::111122223333:user/bob"}
		}, policy.Deny},
		{"NotPrincipalWithTheAccountAndAUserSparesTheRoot", `"Effect":"Deny","NotPrincipal":{"AWS":["` + account + `","` + alice + `"]}`, func(q *policy.Request) {
			q.Principal.ARNs = nil
		}, policy.NoMatch},

		{"AnActionInOtherCase", `"Action":"S3:getobject"`, nil, policy.Allow},
		{"AnotherAction", `"Action":"s3:PutObject"`, nil, policy.NoMatch},
		{"AStarInAnAction", `"Action":"s3:Get*"`, nil, policy.Allow},
		{"AStarInAnActionIsNotAll", `"Action":"s3:Get*"`, to("s3:PutObject"), policy.NoMatch},
		{"AQuestionMarkIsOne", `"Action":"s3:?etObject"`, nil, policy.Allow},
		{"AQuestionMarkIsNotNone", `"Action":"s3:GetObject?"`, nil, policy.NoMatch},
		{"ActionsAreAlternatives", `"Action":["s3:PutObject","s3:GetObject"]`, nil, policy.Allow},
		{"AnActionIsNotTheBeginningOfAnother", `"Action":"s3:GetObject"`, to("s3:GetObjectAcl"), policy.NoMatch},
		{"NotActionSparesTheNamed", `"NotAction":"s3:Get*"`, nil, policy.NoMatch},
		{"NotActionMeansTheOthers", `"NotAction":"s3:Get*"`, to("s3:PutObject"), policy.Allow},

		{"AKeyBelow", `"Resource":"arn:aws:s3:::logs/*"`, nil, policy.Allow},
		{"ABucketIsNotItsKeys", `"Resource":"arn:aws:s3:::logs"`, nil, policy.NoMatch},
		{"AKeyIsNotItsBucket", `"Resource":"arn:aws:s3:::logs/*"`, on("arn:aws:s3:::logs"), policy.NoMatch},
		{"AResourceInOtherCase", `"Resource":"arn:aws:s3:::logs/2030/A.txt"`, nil, policy.NoMatch},
		{"AStarReachesOverSlashes", `"Resource":"arn:aws:s3:::logs/*.txt"`, nil, policy.Allow},
		{"AStarReachesOverColonsOfAKey", `"Resource":"arn:aws:s3:::logs/*"`, on("arn:aws:s3:::logs/a:b:c"), policy.Allow},
		{"AStarDoesNotReachOverAnotherPart", `"Resource":"arn:*:s3:::secret"`, on("arn:aws:s3:::logs/x:s3:::secret"), policy.NoMatch},
		{"AQuestionMarkIsOneCharacter", `"Resource":"arn:aws:s3:::logs/?"`, on("arn:aws:s3:::logs/€"), policy.Allow},
		{"AllIsAlsoNoResource", ``, on(""), policy.Allow},
		{"SomeIsNotNoResource", `"Resource":"arn:aws:s3:::*"`, on("*"), policy.NoMatch},
		{"NotResourceSparesTheNamed", `"NotResource":"arn:aws:s3:::logs/*"`, nil, policy.NoMatch},
		{"NotResourceMeansTheOthers", `"NotResource":"arn:aws:s3:::logs/*"`, on("arn:aws:s3:::web/a"), policy.Allow},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, q := statement(tt.more), ask(tt.change)
			if got := resource(t, text).Evaluate(q); got.Effect != tt.want {
				t.Errorf("Evaluate(%s on %q) of %s = %v, want %v", q.Action, q.Resource, text, got.Effect, tt.want)
			}
		})
	}
}

func TestDenyWins(t *testing.T) {
	for _, order := range []string{
		`{"Sid":"yes","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},{"Sid":"no","Effect":"Deny","Principal":"*","Action":"s3:Get*","Resource":"*"}`,
		`{"Sid":"no","Effect":"Deny","Principal":"*","Action":"s3:Get*","Resource":"*"},{"Sid":"yes","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`,
	} {
		d := resource(t, `{"Statement":[`+order+`]}`)
		if got := d.Evaluate(ask(nil)); got.Effect != policy.Deny || got.Sid != "no" {
			t.Errorf("Evaluate = %+v, want the Deny of no", got)
		}
		q := ask(func(q *policy.Request) { q.Action = "s3:PutObject" })
		if got := d.Evaluate(q); got.Effect != policy.Allow || got.Sid != "yes" {
			t.Errorf("Evaluate = %+v, want the Allow of yes", got)
		}
	}
	d := resource(t, statement(`"Action":"s3:PutObject"`))
	if got, want := d.Evaluate(ask(nil)), (policy.Result{Statement: -1}); got != want {
		t.Errorf("Evaluate = %+v, want %+v", got, want)
	}
}

// TestWhatTakesTooLongIsDenied: who writes a document and who sends the value may be one,
// and nobody else is to wait for the two to be compared.
func TestWhatTakesTooLongIsDenied(t *testing.T) {
	text := statement(`"Condition":{"StringLike":{"aws:UserAgent":["*b?c*",` + strings.Repeat(`"*ab*",`, 200) + `"*"]}}`)
	keys := context{"aws:useragent": {strings.Repeat("a", 10_000)}}
	for effort, want := range map[int64]policy.Result{1_000_000: {Effect: policy.Deny, Statement: -1, Exhausted: true}, 10_000_000: {Effect: policy.Allow}} {
		left := effort
		q := ask(func(q *policy.Request) { q.Context, q.Effort = keys.get, &left })
		if got := resource(t, text).Evaluate(q); got != want {
			t.Errorf("Evaluate with an effort of %d = %+v, want %+v", effort, got, want)
		}
		if again := resource(t, text).Evaluate(q); want.Exhausted && again != want {
			t.Errorf("Evaluate after that = %+v, want %+v", again, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	d, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Evaluate(ask(nil)); got.Effect != policy.Allow {
		t.Errorf("Evaluate = %v, want Allow", got.Effect)
	}
	if d.Public() {
		t.Error("Public of an identity's policy = true, want false")
	}
	_, err = policy.ParseIdentity([]byte(statement("")))
	if _, ok := errors.AsType[*policy.Error](err); !ok || !strings.HasPrefix(err.Error(), "Policy document should not specify a principal") {
		t.Errorf("ParseIdentity with a principal = %v", err)
	}
}

func TestTextIsKept(t *testing.T) {
	text := " \n" + statement("")
	if _, err := policy.ParseResource([]byte(text)); err == nil {
		t.Error("ParseResource of a document that begins with space = nil, want an error")
	}
	text = strings.TrimSpace(text) + " \n"
	if got := resource(t, text).String(); got != text {
		t.Errorf("String = %q, want %q", got, text)
	}
}
