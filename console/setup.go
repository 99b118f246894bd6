package console

import (
	"net/http"

	"coffer"
	"coffer/accounts"
)

// joinPage is where a one-time link leads: the first member's, an invitation, or
// a new password.
type joinPage struct {
	shell
	Link    accounts.Link
	Account coffer.Account // zero for the first member
	Token   string
	// Email, Name and AccountName are what was typed.
	Email, Name, AccountName string
	Wrong                    problems
}

// Setup, Invite and Reset tell which kind of link it is.
func (p joinPage) Setup() bool  { return p.Link.Kind == accounts.LinkSetup }
func (p joinPage) Invite() bool { return p.Link.Kind == accounts.LinkInvite }
func (p joinPage) Reset() bool  { return p.Link.Kind == accounts.LinkReset }

// Heading is the page's title.
func (p joinPage) Heading() string {
	switch {
	case p.Setup():
		return "Set up coffer"
	case p.Reset():
		return "Choose a new password"
	}
	if name := p.Account.DisplayName(); name != "" {
		return "Join " + name
	}
	return "Join"
}

// joinPath is the path of a link of a kind.
func joinPath(l accounts.Link) string {
	switch l.Kind {
	case accounts.LinkSetup:
		return "/setup/" + l.Token.Reveal()
	case accounts.LinkReset:
		return "/reset/" + l.Token.Reveal()
	}
	return "/invite/" + l.Token.Reveal()
}

// LinkURL is the address to give to a person for a one-time link that was just
// made, from the console's own URL.
func LinkURL(consoleURL string, l accounts.Link) string { return consoleURL + joinPath(l) }

func (q *request) joinForm() error {
	page, err := q.joinPage()
	if err != nil {
		return err
	}
	page.Email = page.Link.Email
	return q.render(http.StatusOK, "join", page)
}

func (q *request) joinPage() (joinPage, error) {
	token := q.r.PathValue("token")
	link, account, err := q.Accounts.OpenLink(q.ctx(), coffer.NewSecretFrom(token))
	if coffer.CodeOf(err) == coffer.NoSuchLink {
		return joinPage{}, coffer.Errorf(coffer.NoSuchLink, "this link does not work: it was used already, it was withdrawn, or its time is over. "+
			"Ask whoever gave it to you for a new one; for the link of the first start, restart coffer, which prints another")
	}
	if err != nil {
		return joinPage{}, err
	}
	page := joinPage{Link: link, Account: account, Token: token, Wrong: problems{}}
	page.shell = q.shell("")
	page.shell.Title = page.Heading()
	return page, nil
}

func (q *request) join() error {
	page, err := q.joinPage()
	if err != nil {
		return err
	}
	page.Email, page.Name, page.AccountName = q.value("email"), q.value("name"), q.value("account_name")
	if page.Link.Email != "" {
		page.Email = page.Link.Email
	}
	step, err := q.Accounts.Redeem(q.ctx(), coffer.NewSecretFrom(page.Token), accounts.RedeemInput{
		Email: page.Email, Name: page.Name, AccountName: page.AccountName, Password: q.secret("password"),
	}, q.client())
	if err != nil {
		status, ok := q.typo(page.Wrong, "", err)
		if !ok {
			return err
		}
		return q.render(status, "join", page)
	}
	return q.step(step, kept{})
}
