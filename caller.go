package coffer

// Caller is who manages: a member who is signed in, a key that signed a request,
// or an operator at the socket. The services of accounts and keys are entered
// with one, and check its rights behind that door. The zero Caller may nothing.
type Caller struct {
	// Account is the account that a member or a key belongs to.
	Account AccountID
	// Member and Role are set for a member who is signed in.
	Member MemberID
	Role   Role
	// Key is set for a signed request. What that key may do is read from its
	// record each time, never taken from here.
	Key KeyID
	// Operator is the right over the whole instance, apart from any role.
	Operator bool

	// Name is what the audit log calls the caller: an e-mail address, or the name
	// of a key.
	Name string
	// Source is the address that the call came from, and UserAgent what made it.
	Source    string
	UserAgent string
	// RequestID is the ID of the request, if the call came with one.
	RequestID string
	// Fresh says that the member proved who they are within the last five minutes.
	Fresh bool
}
