package console

import (
	"context"
	"embed"
	"net"
	"net/http"
	"strings"
)

//go:embed static
var static embed.FS

// routes is every path of the console. What is not named here asks for a login first and is "not found" after it.
func (c *Console) routes() http.Handler {
	inside := http.NewServeMux()
	inside.HandleFunc("GET /{$}", c.queue)
	inside.HandleFunc("GET /ended", c.ended)
	inside.HandleFunc("GET /find", c.find)
	inside.HandleFunc("GET /case/{number}", c.file)
	inside.HandleFunc("POST /case/{number}/status", c.setStatus)
	inside.HandleFunc("POST /case/{number}/urgency", c.setUrgency)
	inside.HandleFunc("POST /case/{number}/note", c.addNote)
	inside.HandleFunc("POST /case/{number}/sender", c.sender)
	inside.HandleFunc("GET /devices", c.devices)
	inside.HandleFunc("GET /quarantine", c.quarantine)
	inside.HandleFunc("GET /audit", c.audit)
	inside.HandleFunc("POST /audit", c.verify)
	inside.HandleFunc("POST /logout", c.logout)
	inside.HandleFunc("/", c.notFound)

	outside := http.NewServeMux()
	outside.HandleFunc("GET /static/{file}", c.asset)
	outside.Handle("GET /login", c.sessions.LoadAndSave(http.HandlerFunc(c.loginPage)))
	outside.Handle("POST /login", c.sessions.LoadAndSave(http.HandlerFunc(c.login)))
	// The queue renews itself every few seconds. That is not an officer's doing, so it does not keep a session alive.
	outside.Handle("GET /queue", c.glance(http.HandlerFunc(c.queueFragment)))
	outside.Handle("/", c.sessions.LoadAndSave(c.authenticated(inside)))

	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, http.StatusForbidden, failCrossOrigin)
	}))
	return c.guard(crossOrigin.Handler(outside))
}

// guard sets what holds for every answer, and refuses what no officer's browser sends.
func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not "no-referrer": with that, browsers send "Origin: null" with our own forms.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if c.cfg.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		} else if host, _, err := net.SplitHostPort(r.Host); (err == nil && !loopback(host)) || (err != nil && !loopback(r.Host)) {
			// Without TLS the name is all that tells our page from one whose name was pointed at this machine.
			c.fail(w, r, http.StatusMisdirectedRequest, failHost)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

type accountKey struct{}

// authenticated lets through who is logged in and still has an account; everybody else meets the login.
func (c *Console) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok, err := c.current(r)
		if err != nil {
			c.failure(w, r, err)
			return
		}
		if !ok {
			to := "/login"
			if r.Method == http.MethodGet && r.URL.Path != "/" && safeNext(r.URL.Path) {
				to += "?next=" + r.URL.Path
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, &a)))
	})
}

// glance is authenticated without prolonging the session, unless the page says that the officer did something since.
func (c *Console) glance(next http.Handler) http.Handler {
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok, err := c.current(r)
		switch {
		case err != nil:
			c.failure(w, r, err)
		case !ok:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, &a)))
		}
	})
	prolonging := c.sessions.LoadAndSave(checked)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Active") == "1" {
			prolonging.ServeHTTP(w, r)
			return
		}
		token := ""
		if k, err := r.Cookie(c.sessions.Cookie.Name); err == nil {
			token = k.Value
		}
		ctx, err := c.sessions.Load(r.Context(), token)
		if err != nil {
			c.failure(w, r, err)
			return
		}
		checked.ServeHTTP(w, r.WithContext(ctx))
	})
}

func accountOf(r *http.Request) *Account {
	a, _ := r.Context().Value(accountKey{}).(*Account)
	return a
}

// asset serves the style sheet and the script. Their address holds their hash, so that they may be kept.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	b, err := static.ReadFile("static/" + name)
	if err != nil {
		c.fail(w, r, http.StatusNotFound, failNotFound)
		return
	}
	switch {
	case strings.HasSuffix(name, ".css"):
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
	case strings.HasSuffix(name, ".js"):
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	case strings.HasSuffix(name, ".svg"):
		w.Header().Set("Content-Type", "image/svg+xml")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(b)
}
