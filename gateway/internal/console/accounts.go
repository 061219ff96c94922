package console

import "context"

// Officers is a fixed set of accounts, by the name that is typed.
type Officers map[string]Account

// Account implements Accounts.
func (o Officers) Account(_ context.Context, user string) (Account, bool, error) {
	a, ok := o[user]
	return a, ok, nil
}
