package mqttin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/langnghe/langnghe/device/wire"
)

// whyRefused explains a TLS handshake that failed, and names the device that the certificate is of, where it names one.
// Nobody has proven that name.
func whyRefused(err error, now time.Time) (claims, why string) {
	const day = "2006-01-02"
	var failed *tls.CertificateVerificationError
	if errors.As(err, &failed) && len(failed.UnverifiedCertificates) > 0 {
		if name := failed.UnverifiedCertificates[0].Subject.CommonName; isDevice(name) {
			claims = name
		}
	}
	whose := claims
	if whose == "" {
		whose = "DEVICE"
	}
	var (
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if now.Before(invalid.Cert.NotBefore) {
			why = fmt.Sprintf("its certificate begins on %s, and the clock of this gateway says %s: set the clock",
				invalid.Cert.NotBefore.Format(day), now.Format(day))
			break
		}
		why = fmt.Sprintf("its certificate expired on %s: make a new one with gateway renew -device %s, or set this gateway's clock (%s) if it is wrong",
			invalid.Cert.NotAfter.Format(day), whose, now.Format(day))
	case errors.As(err, &unknown):
		why = "its certificate is not one of this gateway's authority: enrol the device here, or send it to its own gateway"
	default:
		why = err.Error()
	}
	return claims, why
}

func isDevice(name string) bool {
	_, err := wire.ParseDeviceName(name)
	return err == nil
}
