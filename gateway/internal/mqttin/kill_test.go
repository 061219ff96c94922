package mqttin

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/wire"
)

// childDir names the environment variable that makes this test binary a server to be killed.
const childDir = "MQTTIN_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child prints its address and each delivery, and never finishes one.
func child(dir string) error {
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "pem"), filepath.Join(dir, "pem"))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "ca"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	s, err := newServer(Config{Listen: "127.0.0.1:0", StoreDir: filepath.Join(dir, "store"), Cert: cert, ClientCAs: pool}, fast,
		func(string) bool { return true },
		func(_ context.Context, _ string, payload []byte) error {
			fmt.Printf("delivering %s\n", payload)
			select {}
		}, func(string, wire.Heartbeat) {}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	fmt.Println("listening", s.Addr())
	return s.Run(context.Background())
}

func TestKillBeforeDeliveredComesAgain(t *testing.T) {
	dir := t.TempDir()
	r := &rig{t: t, ca: newAuthority(t)}
	cert := r.ca.issue(t, "gateway", time.Now().Add(time.Hour))
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	for name, b := range map[string][]byte{"pem": both, "ca": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.ca.cert.Raw})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the child did not start")
	}
	addr, _ := strings.CutPrefix(lines.Text(), "listening ")
	d, err := dialWith(t, addr, "d000001", &tls.Config{RootCAs: r.ca.pool, Certificates: []tls.Certificate{r.ca.issue(t, "d000001", time.Now().Add(time.Hour))}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range n {
		token := d.Publish(wire.TopicReport("d000001"), 1, false, fmt.Sprint(i))
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("publish %d: %v", i, token.Error())
		}
	}
	for range n { // each has its PUBACK and stands before the store when the power goes
		if !lines.Scan() {
			t.Fatal("the child ended by itself")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"

	after := &rig{t: t, ca: r.ca, log: &lockedBuffer{}, unknown: map[string]bool{}, heartbeats: map[string]wire.Heartbeat{}}
	if after.srv, err = newServer(r.config(filepath.Join(dir, "store")), fast, after.known, after.deliver, after.beat, slog.New(slog.NewTextHandler(after.log, nil))); err != nil {
		t.Fatal(err)
	}
	after.run()
	eventually(t, "all that was not delivered", func() bool { return len(after.got()) >= n })
	for i := range n {
		if !after.has(arrival{"d000001", fmt.Sprint(i)}) {
			t.Errorf("invariant 5: envelope %d was lost", i)
		}
	}
}
