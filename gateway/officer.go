package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/langnghe/langnghe/gateway/internal/console"
	"github.com/langnghe/langnghe/gateway/internal/store"
	"github.com/langnghe/langnghe/gateway/routing"
)

// NewOfficer is a person who is to log in to the console.
type NewOfficer struct {
	User     string // what is typed: 2 to 32 of a-z 0-9 . - _
	Name     string // as it stands on the page; "" = User
	Role     string // "officer", "duty", "supervisor" or "technician"
	Scope    string // "national", "province:NN" or "commune:NNNNN"
	Password string // "" = one is made
}

var roles = map[string]routing.Role{
	"officer": routing.RoleOfficer, "duty": routing.RoleDuty, "supervisor": routing.RoleSupervisor,
	"technician": routing.RoleTechnician,
}

// AddOfficer stores an account, with its password as a hash only, and returns the password. It may run while the gateway
// serves.
func AddOfficer(ctx context.Context, cfg Config, n NewOfficer) (password string, err error) {
	if len(n.User) < 2 || len(n.User) > 32 || strings.Trim(n.User, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", errors.New("officer: -user: 2 to 32 of the letters a-z, digits, dot, dash and underscore")
	}
	v := routing.Viewer{ID: n.User}
	var ok bool
	if v.Role, ok = roles[n.Role]; !ok {
		return "", fmt.Errorf("officer: -role: %q is none of officer, duty, supervisor, technician", n.Role)
	}
	if v.Scope, v.Province, v.Commune, err = parseScope(n.Scope); err != nil {
		return "", err
	}
	if n.Name = strings.TrimSpace(n.Name); n.Name == "" {
		n.Name = n.User
	}
	if !utf8.ValidString(n.Name) || utf8.RuneCountInString(n.Name) > 80 {
		return "", errors.New("officer: -name: at most 80 characters")
	}
	password = n.Password
	if password == "" {
		password = rand.Text() // 26 letters and digits, 130 bits
	} else if utf8.RuneCountInString(password) < console.MinPassword {
		return "", fmt.Errorf("officer: the password has fewer than %d characters: it guards what children said; choose a longer one", console.MinPassword)
	}
	hash, err := console.HashPassword(password)
	if err != nil {
		return "", err
	}
	id, err := readIdentity(cfg.Intake.Identity)
	if err != nil {
		return "", err
	}
	db, err := openStore(ctx, cfg, id)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.AddOfficer(ctx, store.Officer{Name: n.Name, Hash: hash, Viewer: v})
	if errors.Is(err, store.ErrOfficerExists) {
		return "", fmt.Errorf("officer: %s exists already: choose another -user", n.User)
	}
	return password, err
}

func parseScope(s string) (scope routing.Scope, province, commune uint32, err error) {
	kind, code, _ := strings.Cut(s, ":")
	n, nerr := strconv.ParseUint(code, 10, 32)
	switch {
	case s == "national":
		return routing.ScopeNational, 0, 0, nil
	case kind == "province" && nerr == nil && n >= 1 && n <= 99:
		return routing.ScopeProvince, uint32(n), 0, nil
	case kind == "commune" && nerr == nil && n >= 1 && n <= 99999:
		return routing.ScopeCommune, 0, uint32(n), nil
	}
	return 0, 0, 0, fmt.Errorf("officer: -scope: %q is none of national, province:NN, commune:NNNNN", s)
}
