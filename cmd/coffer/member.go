package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"coffer"
	"coffer/api"
)

func (a *app) memberCommand() *cobra.Command {
	group := addURLFlag(&cobra.Command{
		Use:   "member",
		Short: "Invite, list and remove the people who sign in to the console",
		Long: "Invite, list and remove the people who sign in to the console. A member belongs to one\n" +
			"account, has a role in it, and is named by an ID or an e-mail address.\n\n" +
			"Roles: owner (everything), admin (keys, buckets, and members who are not owners), member\n" +
			"(buckets and objects; sees keys), read-only (sees). Access keys do not manage members: these\n" +
			"commands are for the socket of the data folder.",
		Example: "  coffer member invite --email b@example.com --role admin\n" +
			"  coffer member role b@example.com --role owner",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	group.AddCommand(a.memberListCommand(), a.memberInviteCommand(), a.memberInvitationsCommand(), a.memberRevokeCommand(),
		a.memberRoleCommand(), a.memberRemoveCommand(), a.memberResetCommand())
	return group
}

// accountFlag names the account that a command is about.
func accountFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("account", "", "the account (`ID` or e-mail address); may be left out if there is one only")
}

func roleNames() string {
	var names []string
	for _, r := range coffer.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func parseRole(text string) (coffer.Role, error) {
	role, err := coffer.ParseRole(text)
	if err != nil {
		return role, usagef("--role is %q: choose one of %s", text, roleNames())
	}
	return role, nil
}

func (a *app) memberListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List members", Example: "  coffer member list\n  coffer member list --json", Args: noArguments}
	account := cmd.Flags().String("account", "", "only members of this account (`ID` or e-mail address)")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		all, err := c.ListMembers(cmd.Context(), *account)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"members": all})
		}
		now := time.Now()
		t := newTable(a.stdout, "ID", "E-MAIL", "ACCOUNT", "ROLE", "SECOND FACTOR", "LAST SIGN-IN", "NAME")
		for _, m := range all {
			role := string(m.Role)
			if m.Operator {
				role += ", operator"
			}
			signIn := "never"
			if m.LastSignIn != nil {
				signIn = ago(*m.LastSignIn, now)
			}
			t.row(string(m.ID), m.Email, string(m.Account), role, factors(m), signIn, m.Name)
		}
		return t.flush()
	}
	return cmd
}

func factors(m api.Member) string {
	var have []string
	if m.TOTP {
		have = append(have, "codes")
	}
	if m.Passkeys > 0 {
		have = append(have, fmt.Sprintf("passkeys (%d)", m.Passkeys))
	}
	if have == nil {
		return "none"
	}
	return strings.Join(have, ", ")
}

func (a *app) memberInviteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invite --role ROLE",
		Short: "Make a link by which somebody becomes a member",
		Long: "Make a link by which somebody becomes a member, once, within seven days. Send it to that\n" +
			"person only: whoever opens it first is the member.",
		Example: "  coffer member invite --email b@example.com --role admin\n  coffer member invite --role read-only --account a@example.com",
		Args:    noArguments,
	}
	account := accountFlag(cmd)
	email := cmd.Flags().String("email", "", "`ADDRESS` of the person; without it the person says so")
	role := cmd.Flags().String("role", "", "`ROLE`: "+roleNames()+"; required")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *role == "" {
			return usagef("coffer member invite needs --role ROLE: one of %s", roleNames())
		}
		r, err := parseRole(*role)
		if err != nil {
			return err
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		made, err := c.Invite(cmd.Context(), api.InviteInput{Account: *account, Email: *email, Role: r})
		if err != nil {
			return err
		}
		return a.showLink(*asJSON, made)
	}
	return cmd
}

// showLink prints a link that was just made.
func (a *app) showLink(asJSON bool, l api.Invitation) error {
	if asJSON {
		return writeJSON(a.stdout, l)
	}
	return a.print(fmt.Sprintf("%s\n\nThe link works once, until %s. It is %s.\n", l.URL.Reveal(), day(l.Expires), l.ID))
}

func (a *app) memberInvitationsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "invitations", Short: "List the links that are open", Example: "  coffer member invitations", Args: noArguments}
	account := cmd.Flags().String("account", "", "only links of this account (`ID` or e-mail address)")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		all, err := c.ListInvitations(cmd.Context(), *account)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{"invitations": all})
		}
		now := time.Now()
		t := newTable(a.stdout, "ID", "KIND", "E-MAIL", "ACCOUNT", "ROLE", "MADE", "BY", "EXPIRES")
		for _, l := range all {
			t.row(string(l.ID), string(l.Kind), l.Email, string(l.Account), string(l.Role), ago(l.Created, now), l.By, ago(l.Expires, now))
		}
		return t.flush()
	}
	return cmd
}

func (a *app) memberRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "revoke LINK", Short: "End a link that is open", Example: "  coffer member revoke lnk_0123456789abcdefghjk",
		Args: oneArgument("a link's ID")}
	account := accountFlag(cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		if err := c.RevokeInvitation(cmd.Context(), *account, args[0]); err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, map[string]any{})
		}
		return a.print("revoked " + printable(args[0]) + "\n")
	}
	return cmd
}

func (a *app) memberRoleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "role MEMBER --role ROLE",
		Short:   "Change a member's role",
		Long:    "Change a member's role in the account, from the next request on. --operator gives or takes the\nright over the whole instance, which is apart from roles.",
		Example: "  coffer member role b@example.com --role owner\n  coffer member role b@example.com --operator=false",
		Args:    oneArgument("a member's ID or e-mail address"),
	}
	account := accountFlag(cmd)
	role := cmd.Flags().String("role", "", "`ROLE`: "+roleNames())
	operator := cmd.Flags().Bool("operator", false, "the right over the whole instance")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var in api.ChangeMemberInput
		switch changed := cmd.Flags().Changed("operator"); {
		case changed == (*role != ""):
			return usagef("coffer member role needs --role ROLE, one of %s, or --operator", roleNames())
		case changed:
			in.Operator = operator
		default:
			r, err := parseRole(*role)
			if err != nil {
				return err
			}
			in.Role = &r
		}
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		m, err := c.ChangeMember(cmd.Context(), *account, args[0], in)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, m)
		}
		kind := string(m.Role)
		if m.Operator {
			kind += " and operator"
		}
		return a.print(fmt.Sprintf("%s (%s) is now %s\n", m.Email, m.ID, kind))
	}
	return cmd
}

func (a *app) memberRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove MEMBER", Short: "Remove a member with all sessions",
		Long:    "Remove a member with all sessions and the links that the member made. The last owner of an\naccount stays.",
		Example: "  coffer member remove b@example.com",
		Args:    oneArgument("a member's ID or e-mail address"),
	}
	account := accountFlag(cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		m, err := c.RemoveMember(cmd.Context(), *account, args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(a.stdout, m)
		}
		return a.print(fmt.Sprintf("removed %s (%s)\n", m.Email, m.ID))
	}
	return cmd
}

func (a *app) memberResetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset MEMBER",
		Short: "Make a link by which a member who cannot sign in sets a new password",
		Long: "Make a link by which a member sets a new password, once, within 24 hours; with --factors\n" +
			"second factors begin anew, too. Until it is used nothing changes. Make sure whom you give it.",
		Example: "  coffer member reset b@example.com --factors",
		Args:    oneArgument("a member's ID or e-mail address"),
	}
	account := accountFlag(cmd)
	anew := cmd.Flags().Bool("factors", false, "second factors begin anew, too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.client(cmd)
		if err != nil {
			return err
		}
		l, err := c.ResetMember(cmd.Context(), *account, args[0], api.ResetMemberInput{Factors: *anew})
		if err != nil {
			return err
		}
		return a.showLink(*asJSON, l)
	}
	return cmd
}
