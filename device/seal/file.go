package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/langnghe/langnghe/device/wire"
)

// Keys stand in files of one line: what it is, its numbers, and 32 bytes in base64.
const (
	identityLine  = "langnghe-intake-identity-v1 epoch=%d %s\n"
	recipientLine = "langnghe-intake-recipient-v1 epoch=%d %s\n"
	pskLine       = "langnghe-device-key-v1 device=%d epoch=%d %s\n"
)

// MarshalText is the line of an identity file. It is secret.
func (i Identity) MarshalText() ([]byte, error) {
	b, err := i.key.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("write intake identity: %w", err)
	}
	return fmt.Appendf(nil, identityLine, i.epoch, base64.StdEncoding.EncodeToString(b)), nil
}

// MarshalText is the line of a recipient file. It is public.
func (r Recipient) MarshalText() ([]byte, error) {
	b, err := r.key.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("write intake recipient: %w", err)
	}
	return fmt.Appendf(nil, recipientLine, r.epoch, base64.StdEncoding.EncodeToString(b)), nil
}

// MarshalText is the line of a device key file. It is secret.
func (p PSK) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, pskLine, p.Device, p.Epoch, base64.StdEncoding.EncodeToString(p.Key[:])), nil
}

func scanLine(text []byte, format, what string, dst ...any) ([]byte, error) {
	var b64 string
	n, err := fmt.Sscanf(string(text), format, append(dst, &b64)...)
	if err != nil || n != len(dst)+1 {
		return nil, fmt.Errorf("seal: this is not %s file", what)
	}
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(b) != 32 {
		return nil, fmt.Errorf("seal: the key in %s file is damaged", what)
	}
	return b, nil
}

// UnmarshalText reads what MarshalText wrote.
func (i *Identity) UnmarshalText(text []byte) error {
	b, err := scanLine(text, identityLine, "an intake identity", &i.epoch)
	if err != nil {
		return err
	}
	if i.epoch > 7 {
		return fmt.Errorf("seal: KEM epoch %d is beyond 7", i.epoch)
	}
	i.key, err = scheme.UnmarshalBinaryPrivateKey(b)
	return err
}

// UnmarshalText reads what MarshalText wrote.
func (r *Recipient) UnmarshalText(text []byte) error {
	b, err := scanLine(text, recipientLine, "an intake recipient", &r.epoch)
	if err != nil {
		return err
	}
	if r.epoch > 7 {
		return fmt.Errorf("seal: KEM epoch %d is beyond 7", r.epoch)
	}
	r.key, err = scheme.UnmarshalBinaryPublicKey(b)
	return err
}

// UnmarshalText reads what MarshalText wrote.
func (p *PSK) UnmarshalText(text []byte) error {
	b, err := scanLine(text, pskLine, "a device key", &p.Device, &p.Epoch)
	if err != nil {
		return err
	}
	if p.Device > wire.MaxDevice || p.Epoch > 31 {
		return fmt.Errorf("seal: device %d or PSK epoch %d is out of range", p.Device, p.Epoch)
	}
	copy(p.Key[:], b)
	return nil
}

// ReadSecret reads a secret file of at most 64 KiB. It refuses a file that anyone but its owner may read or write: what
// a copied card or another program could read is no secret. Where the file is absent the error is fs.ErrNotExist, and what
// to do about it is for the caller to say: only the caller knows what the file is and whether another can be made.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the path is said once
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("secret file %s can't be read: %w: run this as the user that owns it", path, err)
		}
		return nil, fmt.Errorf("secret file %s can't be read: %w", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("secret file %s: %w", path, err)
	}
	if st.IsDir() {
		return nil, fmt.Errorf("secret file %s is a folder: correct the path", path)
	}
	if m := st.Mode(); !m.IsRegular() || m.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("secret file %s has mode %04o: others may read it; run chmod 600 on it", path, m.Perm())
	}
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// WriteSecret writes a new secret file with mode 0600 and syncs it with its folder. It does not overwrite.
func WriteSecret(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write secret file: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = syncDir(path)
	}
	if err != nil {
		return fmt.Errorf("write secret file: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(strings.TrimSuffix(path, "/")))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
