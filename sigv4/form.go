package sigv4

import "net/http"

// The fields of a browser's form that carry its signature.
const (
	fieldPolicy     = "policy"
	fieldAlgorithm  = "x-amz-algorithm"
	fieldCredential = "x-amz-credential"
	fieldDate       = "x-amz-date"
	fieldSignature  = "x-amz-signature"
	fieldToken      = "x-amz-security-token"
)

// ParseForm reads what a browser's POST form claims, as in "Authenticating
// Requests in Browser-Based Uploads Using POST". field returns the value of a
// form field, named in lower case, and whether it was sent; that no field came
// twice is for the caller to see to. The string that is signed is the policy as
// sent, in base64, so a form has no canonical request; its expiry and its
// conditions stand in the policy, which is the caller's to apply. A form with
// none of the fields is Anonymous; one with some of them is an error, which for a
// policy that nobody signed is AccessDenied.
func ParseForm(field func(name string) (string, bool), opt Options) (*Auth, error) {
	for _, name := range [...]string{"awsaccesskeyid", "signature"} {
		if _, ok := field(name); ok {
			return nil, refuse(codeInvalidRequest, messageSigV2)
		}
	}
	names := [...]string{fieldPolicy, fieldAlgorithm, fieldCredential, fieldDate, fieldSignature}
	token, hasToken := field(fieldToken)
	some, missing := hasToken, ""
	for _, name := range names {
		value, ok := field(name)
		some = some || ok && name != fieldPolicy
		if (!ok || value == "") && missing == "" {
			missing = name
		}
	}
	if !some {
		if _, ok := field(fieldPolicy); ok {
			return nil, refuse(codeAccessDenied, "Access Denied: the form has a policy that nobody signed")
		}
		return &Auth{}, nil
	}
	if missing != "" {
		if missing != fieldPolicy {
			missing = http.CanonicalHeaderKey(missing) // as AWS writes it
		}
		return nil, refuse(codeInvalidArgument, "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", missing).
			with("ArgumentName", missing).with("ArgumentValue", "")
	}
	get := func(name string) string { value, _ := field(name); return value }
	switch get(fieldAlgorithm) {
	case algorithm:
	case algorithmV4A:
		return nil, refuse(codeInvalidRequest, messageSigV4A)
	default:
		return nil, refuse(codeInvalidArgument, `x-amz-algorithm only supports "AWS4-HMAC-SHA256"`).with("ArgumentName", fieldAlgorithm)
	}
	a := &Auth{Kind: Form, SessionToken: token, HasSessionToken: hasToken}
	if !a.setTime(get(fieldDate)) {
		return nil, refuse(codeInvalidArgument, `x-amz-date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`).with("ArgumentName", fieldDate)
	}
	if err := a.setCredential(get(fieldCredential), opt); err != nil {
		return nil, err
	}
	a.policy, a.signature = get(fieldPolicy), get(fieldSignature)
	return a, nil
}
