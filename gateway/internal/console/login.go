package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/langnghe/langnghe/gateway/triage"
	"golang.org/x/text/unicode/norm"
)

// The cost of one password: 64 MiB and about a tenth of a second (RFC 9106 section 4, second recommendation).
var hashCost = &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// Lengths of a password, in runes.
const (
	MinPassword = 12
	maxPassword = 200
)

// HashPassword makes the hash that an Account keeps. It refuses a password of fewer than 12 characters.
func HashPassword(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinPassword || n > maxPassword {
		return "", fmt.Errorf("console: a password has %d to %d characters, this one %d", MinPassword, maxPassword, n)
	}
	h, err := argon2id.CreateHash(norm.NFC.String(password), hashCost)
	if err != nil {
		return "", fmt.Errorf("console: hash a password: %w", err)
	}
	return h, nil
}

// nobody is the hash that a name which does not exist is checked against, so that both take the same time.
const nobody = "$argon2id$v=19$m=65536,t=3,p=4$bGFuZ25naGUtbm9ib2R5IQ$NTZ2CiHhOVtyQ7TRXxzVz3lvMh9nVJPVTJvYV8kbCEE"

// Keys of a session.
const (
	sessionUser  = "user"
	sessionStamp = "stamp" // of the password's hash: a new password ends the sessions of the old one
	sessionFlash = "flash"
)

func stamp(hash string) string {
	s := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(s[:8])
}

// current is who is logged in. It asks the accounts at every request: one that was taken away is out at once.
func (c *Console) current(r *http.Request) (Account, bool, error) {
	user := c.sessions.GetString(r.Context(), sessionUser)
	if user == "" {
		return Account{}, false, nil
	}
	a, ok, err := c.p.Accounts.Account(r.Context(), user)
	if err != nil {
		return Account{}, false, fmt.Errorf("look up the account: %w", err)
	}
	if !ok || a.Viewer.ID != user || c.sessions.GetString(r.Context(), sessionStamp) != stamp(a.Hash) {
		return Account{}, false, nil
	}
	return a, true, nil
}

var nextForm = regexp.MustCompile(`^/(ended|devices|quarantine|audit|case/VN-[0-9]{4}-[0-9]{6,12})$`)

// safeNext tells whether path is a page of ours that a login may lead on to.
func safeNext(path string) bool { return nextForm.MatchString(path) }

type loginView struct {
	User, Next, Error string
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) {
	if _, ok, _ := c.current(r); ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	v := loginView{}
	if n := r.URL.Query().Get("next"); safeNext(n) {
		v.Next = n
	}
	c.render(w, r, http.StatusOK, "login", page{Title: "Đăng nhập", Body: v})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.fail(w, r, http.StatusBadRequest, failForm)
		return
	}
	v := loginView{User: strings.TrimSpace(norm.NFC.String(r.PostForm.Get("user")))}
	if n := r.PostForm.Get("next"); safeNext(n) {
		v.Next = n
	}
	refuse := func(status int, sentence string) {
		v.Error = sentence
		c.render(w, r, status, "login", page{Title: "Đăng nhập", Body: v})
	}
	address := r.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	account, err := c.account(r.Context(), v.User)
	if err != nil {
		c.failure(w, r, err)
		return
	}
	if wait := c.throttle.admit(v.User, account.Viewer.ID != "", address, c.p.Now()); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		refuse(http.StatusTooManyRequests, sentenceThrottled(wait))
		return
	}
	a, ok, err := c.check(r.Context(), account, r.PostForm.Get("password"))
	if err != nil {
		c.throttle.succeeded(v.User, address)
		c.failure(w, r, err)
		return
	}
	if !ok {
		known := ""
		if a.Viewer.ID != "" {
			known = a.Viewer.ID // what was typed may be a password in the wrong field: only names that exist are kept
		}
		if err := c.p.Desk.Log(r.Context(), "", triage.ActionRefused, known); err != nil {
			c.failure(w, r, err)
			return
		}
		refuse(http.StatusUnauthorized, sentenceWrongPassword)
		return
	}
	if err := c.p.Desk.Log(r.Context(), a.Viewer.ID, triage.ActionLogin, ""); err != nil {
		c.failure(w, r, err)
		return
	}
	c.throttle.succeeded(v.User, address)
	// A new token at every change of rights, so that one that was planted before is worth nothing.
	if err := c.sessions.RenewToken(r.Context()); err != nil {
		c.failure(w, r, err)
		return
	}
	c.sessions.Put(r.Context(), sessionUser, a.Viewer.ID)
	c.sessions.Put(r.Context(), sessionStamp, stamp(a.Hash))
	to := "/"
	if v.Next != "" {
		to = v.Next
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// account returns the account with exactly this name, or one without Viewer.ID where there is none.
func (c *Console) account(ctx context.Context, user string) (Account, error) {
	a, known, err := c.p.Accounts.Account(ctx, user)
	if err != nil {
		return Account{}, fmt.Errorf("look up the account: %w", err)
	}
	if !known || a.Viewer.ID != user {
		return Account{}, nil
	}
	return a, nil
}

// check tells whether password is that of a, where a is somebody's. The account comes back with ok false too.
func (c *Console) check(ctx context.Context, a Account, password string) (_ Account, ok bool, err error) {
	known := a.Viewer.ID != ""
	if !known {
		a = Account{Hash: nobody}
	}
	select {
	case c.hashing <- struct{}{}:
		defer func() { <-c.hashing }()
	case <-ctx.Done():
		return Account{}, false, ctx.Err()
	}
	if utf8.RuneCountInString(password) > maxPassword {
		return a, false, nil
	}
	match, err := argon2id.ComparePasswordAndHash(norm.NFC.String(password), a.Hash)
	if err != nil {
		return Account{}, false, errors.New("an account's password hash is not argon2id: set the password anew")
	}
	return a, match && known, nil
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	// The session ends whatever the audit says: nobody must be kept logged in by a full disk.
	err := errors.Join(c.sessions.Destroy(r.Context()), c.p.Desk.Log(r.Context(), accountOf(r).Viewer.ID, triage.ActionLogout, ""))
	if err != nil {
		c.log.Error("logout was not fully recorded", "err", err)
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
