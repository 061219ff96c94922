package main

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
)

// guard lets in only who knows the token of this run, from this machine, on
// this origin. The panel can send SMS and pull modems: a page that the same
// browser has open elsewhere must not be able to, neither by a cross-site
// request (cookie SameSite=Strict, Origin) nor by DNS rebinding (Host).
type guard struct {
	hosts   map[string]bool // what a browser may call us
	token   string
	session string // the cookie's value, so that the token is in no cookie jar
	cookie  string
}

func newGuard(address, token string) *guard {
	_, port, _ := net.SplitHostPort(address)
	return &guard{
		hosts:   map[string]bool{address: true, "127.0.0.1:" + port: true, "localhost:" + port: true},
		token:   token,
		session: rand.Text(),
		cookie:  "modemsim-" + port, // cookies ignore ports; two runs must not mix theirs
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if !g.hosts[r.Host] {
			http.Error(w, "Bảng này chỉ mở được từ chính máy này.", http.StatusMisdirectedRequest)
			return
		}
		origin := r.Header.Get("Origin")
		if origin != "" && origin != "http://"+r.Host {
			http.Error(w, "Yêu cầu đến từ một trang khác.", http.StatusForbidden)
			return
		}
		switch {
		case r.Header.Get("X-Token") != "":
			if same(r.Header.Get("X-Token"), g.token) {
				next.ServeHTTP(w, r)
				return
			}
		case r.Method == http.MethodGet && r.URL.Path == "/" && r.URL.Query().Has("token"):
			if same(r.URL.Query().Get("token"), g.token) {
				http.SetCookie(w, &http.Cookie{
					Name: g.cookie, Value: g.session, Path: "/",
					HttpOnly: true, SameSite: http.SameSiteStrictMode,
				})
				http.Redirect(w, r, "/", http.StatusSeeOther)
				return
			}
		default:
			c, err := r.Cookie(g.cookie)
			if err != nil || !same(c.Value, g.session) {
				break
			}
			// Browsers name the origin of every POST; who does not is no browser
			// and has the token.
			if r.Method != http.MethodGet && origin == "" {
				http.Error(w, "Yêu cầu không cho biết đến từ trang nào.", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, "Hãy mở bảng này bằng địa chỉ đầy đủ mà chương trình đã in ra.", http.StatusUnauthorized)
	})
}
