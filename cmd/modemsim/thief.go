package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"time"
)

// thief has copied a kiosk's card and publishes with its certificate, by mosquitto's own client: another program than
// ours, so that it makes none of our mistakes in our favour. The broker lets in one client of a name, so the kiosk loses
// its connection and comes back.
type thief struct {
	bundle string // folder of gateway enrol; "" without
	broker string // host:port
}

// device is the name that the demo's kiosk was enrolled under.
const device = "d000001"

func (t thief) publish(frame []byte) error {
	if t.bundle == "" || t.broker == "" {
		return refusal{"Bản chạy này không có kiosk nào để lấy trộm chứng thư (-thief)."}
	}
	host, port, err := net.SplitHostPort(t.broker)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mosquitto_pub", "-h", host, "-p", port, "-i", device, "-t", "r/"+device, "-q", "1", "-s",
		"--cafile", filepath.Join(t.bundle, "ca.crt"), "--cert", filepath.Join(t.bundle, "tls.crt"), "--key", filepath.Join(t.bundle, "tls.key"))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return refusal{"Máy này chưa có mosquitto_pub: chạy make setup-demo rồi thử lại."}
	}
	_, err = in.Write(frame)
	if cerr := in.Close(); err == nil {
		err = cerr
	}
	if werr := cmd.Wait(); werr != nil {
		return refusal{"Không nối được tới trung tâm qua internet. Trung tâm có đang chạy không?"}
	}
	if err != nil {
		return fmt.Errorf("hand the frame to mosquitto_pub: %w", err)
	}
	return nil
}
