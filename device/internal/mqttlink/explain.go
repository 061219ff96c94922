package mqttlink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// setupError is an error of Config.TLS.
type setupError struct{ error }

func (e *setupError) Unwrap() error { return e.error }

// explain makes the sentence of a connection that did not come about: what, where, what to do.
func (l *Link) explain(broker string, err error) string {
	now := l.cfg.Now()
	const day = "2006-01-02"
	var (
		setup     *setupError
		unknown   x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		host      x509.HostnameError
		op        *net.OpError
		dns       *net.DNSError
		record    tls.RecordHeaderError
		refusedBy = fmt.Sprintf("the broker %s refuses this device: check at the gateway that %s is enrolled and active", broker, l.cfg.Device)
	)
	switch {
	case errors.As(err, &setup):
		return fmt.Sprintf("the keys for MQTT can't be used: %v", setup.error)
	case errors.As(err, &unknown):
		return fmt.Sprintf("the broker %s shows a certificate that our gateway has not signed: check the address and the CA file; someone may stand between", broker)
	case errors.As(err, &host):
		return fmt.Sprintf("the broker %s shows a certificate for another name: correct the broker's address", broker)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if now.Before(invalid.Cert.NotBefore) {
			return fmt.Sprintf("the broker %s shows a certificate that begins on %s, and this device holds it to be %s: set the device's date",
				broker, invalid.Cert.NotBefore.Format(day), now.Format(day))
		}
		return fmt.Sprintf("the broker %s shows a certificate that expired on %s: renew it there with gateway renew -server, or this kiosk's clock (%s) is wrong",
			broker, invalid.Cert.NotAfter.Format(day), now.Format(day))
	case errors.As(err, &invalid):
		return fmt.Sprintf("the broker %s shows a certificate that is not valid for a server: make a new one there with gateway renew -server", broker)
	}
	// The connection was refused by the other side, or cut: our own certificate is the first to ask.
	if leaf := l.leaf(); leaf != nil && now.After(leaf.NotAfter) {
		return fmt.Sprintf("this device's certificate expired on %s: make a new one at the gateway with gateway renew -device %s, or this kiosk's clock (%s) is wrong",
			leaf.NotAfter.Format(day), l.cfg.Device, now.Format(day))
	}
	switch {
	case errors.Is(err, packets.ErrorRefusedIDRejected), errors.Is(err, packets.ErrorRefusedNotAuthorised),
		errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return refusedBy
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert
		return fmt.Sprintf("%s (%v)", refusedBy, op.Err)
	case errors.As(err, &dns):
		return fmt.Sprintf("the broker's name in %s can't be looked up: check the internet connection and the address; trying again", broker)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("the broker %s does not answer: check the internet connection; trying again", broker)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("the broker %s can't be reached (%v): check the internet connection and the address; trying again", broker, op.Err)
	case errors.As(err, &record), errors.Is(err, io.EOF):
		return fmt.Sprintf("at %s nobody speaks MQTT over TLS: check the broker's address and port; trying again", broker)
	}
	return fmt.Sprintf("no connection to the broker %s (%v): trying again", broker, err)
}

// leaf is our own certificate, if it can be read.
func (l *Link) leaf() *x509.Certificate {
	cfg, err := l.cfg.TLS()
	if err != nil || cfg == nil {
		return nil
	}
	var cert *tls.Certificate
	switch {
	case len(cfg.Certificates) > 0:
		cert = &cfg.Certificates[0]
	case cfg.GetClientCertificate != nil:
		cert, _ = cfg.GetClientCertificate(&tls.CertificateRequestInfo{})
	}
	if cert == nil || len(cert.Certificate) == 0 {
		return nil
	}
	if cert.Leaf != nil {
		return cert.Leaf
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}
