package mqttin

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
)

// maxSubs is more than the one subscription that a device needs.
const maxSubs = 8

// answerLogin is the auth callout: the only hook of the server that sees certificate and MQTT client ID together. With any
// other, one valid device could take the client ID of another and throw it off.
func (s *Server) answerLogin(m *nats.Msg) {
	req, err := jwt.DecodeAuthorizationRequestClaims(string(m.Data))
	if err != nil {
		s.log.Error("the broker asked for a login in words we do not know", "err", err)
		return
	}
	resp := jwt.NewAuthorizationResponseClaims(req.UserNkey)
	resp.Audience = req.Server.ID
	leaf, err := s.authorise(req)
	if err != nil {
		resp.Error = err.Error()
		s.log.Warn("device refused", "from", req.ClientInformation.Host, "err", err)
	} else if resp.Jwt, err = s.permissions(req.UserNkey, leaf).Encode(s.issuer); err != nil {
		resp.Error = "internal error"
		s.log.Error("device refused", "err", err)
	}
	token, err := resp.Encode(s.issuer)
	if err == nil {
		err = m.Respond([]byte(token))
	}
	if err != nil {
		s.log.Error("a login was not answered", "err", err)
	}
}

// authorise gives the device's certificate, or why it may not come in.
func (s *Server) authorise(req *jwt.AuthorizationRequestClaims) (*x509.Certificate, error) {
	if req.ClientInformation.Type != "mqtt" {
		return nil, errors.New("only MQTT may come in")
	}
	if req.TLS == nil || len(req.TLS.VerifiedChains) == 0 || len(req.TLS.VerifiedChains[0]) == 0 {
		return nil, errors.New("no verified certificate")
	}
	block, _ := pem.Decode([]byte(req.TLS.VerifiedChains[0][0]))
	if block == nil {
		return nil, errors.New("certificate cannot be read")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errors.New("certificate cannot be read")
	}
	dev := leaf.Subject.CommonName
	if _, err := wire.ParseDeviceName(dev); err != nil {
		// A name with a dot or a wildcard would be more than one subject below.
		return nil, errors.New("the certificate's common name is no device name")
	}
	switch {
	case req.ClientInformation.MQTT != dev:
		return nil, fmt.Errorf("the client ID is not %s, which the certificate names", dev)
	case !s.known(dev):
		return nil, fmt.Errorf("%s is not enrolled, or it was revoked", dev)
	}
	return leaf, nil
}

// permissions are what one device may do: three subjects, all else is forbidden. (With a list of what is forbidden instead,
// a device could publish to $MQTT.msgs.r.other and be taken for the other.) They end with the certificate.
func (s *Server) permissions(user string, leaf *x509.Certificate) *jwt.UserClaims {
	dev := leaf.Subject.CommonName
	u := jwt.NewUserClaims(user)
	u.Name, u.Audience = dev, account
	u.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeMqtt}
	u.Permissions.Pub.Allow = jwt.StringList{subject(wire.TopicReport(dev)), subject(wire.TopicHeartbeat(dev))}
	u.Permissions.Sub.Allow = jwt.StringList{subject(wire.TopicAck(dev))}
	u.Limits.Payload, u.Limits.Subs = MaxPayload, maxSubs
	u.Expires = leaf.NotAfter.Unix()
	return u
}
