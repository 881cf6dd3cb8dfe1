// Package clamd asks a ClamAV daemon to look at a file, by its command INSTREAM: the bytes go over the line in
// pieces and rest nowhere.
//
// Every answer but a clear verdict is an error, so that whoever asks holds the file: a daemon that is not there,
// that is slow, that found the file too long for it, or that says something else.
//
// This file is the whole package.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Daemon is where ClamAV listens.
type Daemon struct {
	Network  string        // unix or tcp
	Address  string        // path of the socket, or host:port
	Patience time.Duration // for one file; 0 = two minutes
}

// At reads an address: unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310.
func At(address string) (Daemon, error) {
	network, rest, ok := strings.Cut(address, ":")
	if !ok || rest == "" || network != "unix" && network != "tcp" {
		return Daemon{}, fmt.Errorf("clamd: %q is no address; write unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310", address)
	}
	return Daemon{Network: network, Address: rest}, nil
}

const (
	pieceSize = 64 << 10
	patience  = 2 * time.Minute
	maxAnswer = 4 << 10
)

// Scan sends r and returns the name of what was found in it, "" for nothing.
func (d Daemon) Scan(ctx context.Context, r io.Reader) (found string, err error) {
	wait := d.Patience
	if wait <= 0 {
		wait = patience
	}
	ctx, stop := context.WithTimeout(ctx, wait)
	defer stop()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, d.Network, d.Address)
	if err != nil {
		return "", fmt.Errorf("clamd: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if err := send(conn, r); err != nil {
		// A daemon that has had enough says why before it hangs up.
		if said, _ := answer(conn); said != "" {
			return "", fmt.Errorf("clamd: %s", said)
		}
		return "", fmt.Errorf("clamd: %w", err)
	}
	said, err := answer(conn)
	if err != nil {
		return "", fmt.Errorf("clamd: %w", err)
	}
	return verdict(said)
}

// send writes the command and the pieces: four bytes of length each, and a length of 0 at the end.
func send(conn net.Conn, r io.Reader) error {
	if _, err := io.WriteString(conn, "zINSTREAM\x00"); err != nil {
		return err
	}
	buf := make([]byte, 4+pieceSize)
	for {
		n, err := io.ReadFull(r, buf[4:])
		if n > 0 {
			binary.BigEndian.PutUint32(buf, uint32(n))
			if _, err := conn.Write(buf[:4+n]); err != nil {
				return err
			}
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	_, err := conn.Write([]byte{0, 0, 0, 0})
	return err
}

func answer(conn net.Conn) (string, error) {
	said, err := bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadString(0)
	if err != nil && (!errors.Is(err, io.EOF) || said == "") {
		return "", err
	}
	return strings.TrimRight(said, "\x00\n"), nil
}

// verdict reads "stream: OK" and "stream: NAME FOUND".
func verdict(said string) (found string, err error) {
	rest, ok := strings.CutPrefix(said, "stream: ")
	if name, hit := strings.CutSuffix(rest, " FOUND"); ok && hit && name != "" {
		return name, nil
	}
	if ok && rest == "OK" {
		return "", nil
	}
	return "", fmt.Errorf("clamd: %s", said)
}
