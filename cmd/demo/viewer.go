package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// novncDir is where Debian's novnc package puts its page.
const novncDir = "/usr/share/novnc"

// viewer shows the virtual display in a browser: Debian's noVNC page, and a WebSocket that ends at x11vnc's socket. The
// token of the run opens it once and becomes a cookie; another site's page can neither read nor drive it (Host and Origin
// are checked).
type viewer struct {
	srv   *http.Server
	host  string
	token string
	vnc   string
}

func newToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func startViewer(vncSocket string) (*viewer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &viewer{host: l.Addr().String(), token: newToken(), vnc: vncSocket}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", v.bridge)
	mux.Handle("GET /", http.FileServer(http.Dir(novncDir)))
	v.srv = &http.Server{Handler: v.guard(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = v.srv.Serve(l) }() // ends when stop closes the server
	return v, nil
}

func (v *viewer) url() string { return "http://" + v.host + "/?token=" + v.token }

const viewerCookie = "screen"

func (v *viewer) guard(next http.Handler) http.Handler {
	same := func(got string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(v.token)) == 1 }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != v.host {
			http.Error(w, "This address is not the demo's: use the one that it printed.", http.StatusForbidden)
			return
		}
		if o := r.Header.Get("Origin"); o != "" && o != "http://"+v.host {
			http.Error(w, "Another site may not use the screen.", http.StatusForbidden)
			return
		}
		if t := r.URL.Query().Get("token"); r.URL.Path == "/" && t != "" && same(t) {
			http.SetCookie(w, &http.Cookie{Name: viewerCookie, Value: v.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, "/vnc_lite.html?path=ws&scale=true", http.StatusSeeOther)
			return
		}
		if c, err := r.Cookie(viewerCookie); err != nil || !same(c.Value) {
			http.Error(w, "The screen needs the token of this run: use the address that the demo printed.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bridge carries bytes between the browser's WebSocket and x11vnc until either ends.
func (v *viewer) bridge(w http.ResponseWriter, r *http.Request) {
	vnc, err := net.Dial("unix", v.vnc)
	if err != nil {
		http.Error(w, "The screen is not being served yet: try again in a moment.", http.StatusBadGateway)
		return
	}
	defer vnc.Close()
	up := websocket.Upgrader{Subprotocols: []string{"binary"}} // checks Origin against Host by default
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := vnc.Read(buf)
			if n > 0 {
				if ws.WriteMessage(websocket.BinaryMessage, buf[:n]) != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		ws.Close()
	}()
	for {
		_, rd, err := ws.NextReader()
		if err != nil {
			return
		}
		if _, err := io.Copy(vnc, rd); err != nil {
			return
		}
	}
}

func (v *viewer) stop() {
	if err := v.srv.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return
	}
}
