package policy

import (
	"slices"
	"strings"
)

// principals is whom a statement names (IAM User Guide, "AWS JSON policy
// elements: Principal").
type principals struct {
	names     []Name
	everybody bool
	accounts  []string // whole accounts, by their 12 digits
	canonical []string // whole accounts, by their canonical user IDs
	arns      []string // users and roles by ARN, services and identity providers by name
	federated bool
}

const (
	kindAWS       = "AWS"
	kindCanonical = "CanonicalUser"
	kindService   = "Service"
	kindFederated = "Federated"
)

func parsePrincipals(n *node) (principals, error) {
	var out principals
	if n.kind == isText && n.text == "*" {
		out.everybody, out.names = true, []Name{{Kind: kindAWS, Text: "*"}}
		return out, nil
	}
	if n.kind != isObject || len(n.items) == 0 {
		return out, n.errorf(`Invalid principal in policy: write "*", or an object as {"AWS": "111122223333"}`)
	}
	for i, name := range n.names {
		list := &n.items[i]
		if !slices.Contains([]string{kindAWS, kindCanonical, kindService, kindFederated}, name) {
			return out, list.errorf("Invalid principal in policy: there is no kind %.100q: choose AWS, CanonicalUser, Service or Federated", name)
		}
		if list.kind == isList && len(list.items) == 0 {
			return out, list.errorf("Invalid principal in policy: the list is empty")
		}
		if err := list.each(func(v *node) error { return out.add(name, v) }); err != nil {
			return out, err
		}
	}
	return out, nil
}

// add takes one principal.
func (p *principals) add(kind string, v *node) error {
	if v.kind != isText {
		return v.errorf("Invalid principal in policy: write a text in quotes")
	}
	switch text := v.text; {
	case kind == kindAWS && text == "*":
		p.everybody = true
	case kind == kindAWS && isAccount(text):
		p.accounts = append(p.accounts, text)
	case kind == kindAWS:
		account, ok := parsePrincipalARN(text)
		if !ok {
			return v.errorf("Invalid principal in policy: %.100q is no account, user or role: write 12 digits, an ARN as arn:aws:iam::111122223333:user/alice without wildcards, or *", text)
		}
		if account != "" {
			p.accounts = append(p.accounts, account)
		} else {
			p.arns = append(p.arns, text)
		}
	case kind == kindCanonical:
		if !isCanonical(text) {
			return v.errorf("Invalid principal in policy: %.100q is not a canonical user ID, which has 64 hexadecimal digits", text)
		}
		p.canonical = append(p.canonical, strings.ToLower(text))
	default:
		if text == "" || strings.ContainsAny(text, "*?$ ") {
			return v.errorf("Invalid principal in policy: %.100q is not the name of a service or of an identity provider", text)
		}
		p.arns = append(p.arns, text)
		p.federated = p.federated || kind == kindFederated
	}
	p.names = append(p.names, Name{Kind: kind, Text: v.text})
	return nil
}

// parsePrincipalARN checks the ARN of a user, role or session. The root ARN of an
// account stands for the whole account, which is returned then.
func parsePrincipalARN(text string) (account string, ok bool) {
	parts, ok := splitARN(text)
	if !ok || parts[1] != "aws" && !strings.HasPrefix(parts[1], "aws-") || parts[3] != "" || !isAccount(parts[4]) || strings.ContainsAny(text, "*?$") {
		return "", false
	}
	kind, name, named := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		return parts[4], true
	case parts[2] == "iam":
		return "", named && name != "" && (kind == "user" || kind == "role")
	case parts[2] == "sts":
		return "", named && name != "" && (kind == "assumed-role" || kind == "federated-user")
	}
	return "", false
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func isCanonical(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// match tells whether who is one of the principals. Nobody is in an account
// without having signed.
func (p *principals) match(who *Principal) bool {
	if p.everybody {
		return true
	}
	if who.Anonymous {
		return false
	}
	if who.Account != "" && slices.Contains(p.accounts, who.Account) ||
		who.Canonical != "" && slices.Contains(p.canonical, who.Canonical) {
		return true
	}
	return p.byARN(who)
}

// spares tells whether who is one of the principals of a NotPrincipal. There an
// account next to users of it means its root, so that its other users are not
// spared: AWS asks for the account to be named with each user (IAM User Guide,
// "AWS JSON policy elements: NotPrincipal").
func (p *principals) spares(who *Principal) bool {
	if p.everybody || who.Anonymous || !slices.Contains(p.accounts, who.Account) || p.byARN(who) {
		return p.match(who)
	}
	within := func(arn string) bool {
		parts, _ := splitARN(arn)
		return parts[4] == who.Account
	}
	root := func(arn string) bool {
		parts, _ := splitARN(arn)
		return parts[5] == "root"
	}
	return !slices.ContainsFunc(p.arns, within) || len(who.ARNs) == 0 || slices.ContainsFunc(who.ARNs, root)
}

func (p *principals) byARN(who *Principal) bool {
	for _, arn := range who.ARNs {
		if slices.Contains(p.arns, arn) {
			return true
		}
	}
	return false
}
