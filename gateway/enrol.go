package gateway

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/langnghe/langnghe/device/modem/pdu"
	"github.com/langnghe/langnghe/device/seal"
	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/internal/store"
)

// validBroker tells whether s is host:port with a port that there is.
func validBroker(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && n >= 1 && host != "" && !strings.ContainsAny(host, " /\\@\t")
}

// BrokerWarning is a sentence where kiosks could not trust this gateway under the host of broker, host:port, because its
// certificate is not for it; else "". Where the certificate is not on this machine nothing can be said.
func BrokerWarning(cfg Config, broker string) string {
	host, _, err := net.SplitHostPort(broker)
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(cfg.MQTT.Cert)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.VerifyHostname(host) == nil {
		return ""
	}
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return fmt.Sprintf("the kiosk will refuse the gateway as %s: the certificate %s is for %s only; put one of these into the kiosk's gateway.brokers",
		host, cfg.MQTT.Cert, strings.Join(names, ", "))
}

// freeNumber refuses the number of a kiosk that is enrolled already: acks by SMS would go to the wrong one of the two.
func freeNumber(ctx context.Context, db *store.Store, id seal.Identity, msisdn string) error {
	if msisdn == "" {
		return nil
	}
	want, err := pdu.ParseAddress(msisdn)
	if err != nil {
		return err
	}
	sealed, err := db.Numbers(ctx)
	if err != nil {
		return err
	}
	for index, s := range sealed {
		plain, err := id.OpenAtRest(intake.LabelMSISDN, s)
		if err != nil {
			continue // its device is refused alone, and must not keep others out
		}
		have, err := pdu.ParseAddress(string(plain))
		clear(plain)
		if err == nil && have.Equal(want) {
			return fmt.Errorf("enrol: -msisdn: %s has this number already: give the number of the SIM that is in this kiosk; nothing was changed", wire.DeviceName(index))
		}
	}
	return nil
}
