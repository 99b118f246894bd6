package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
)

// subject is a server that is measured: how it is started, and what it holds
// from round to round.
type subject struct {
	name, program string
	dir           string // its data, and nothing of anyone else
	addr          string // host and port, the same in every round, so that what is signed stays good
	launch        launcher
	signer        *signer

	tables  map[string]*targets
	present map[string]bool // pools that are there
	wanted  int             // keys that the filled bucket was to have
	filled  int             // keys that it has
	each    int             // bytes of each of them
	begun   bool            // the bucket is there

	put, deleted, turn        atomic.Int64 // numbers of keys that were put, that were deleted, and of pools
	deleteEnd, deletedBatches int64        // up to where the two kinds of delete go
}

// session is a subject while it runs.
type session struct {
	*subject
	ctx context.Context
	tls *tls.Config // nil for plain TCP
	pid int
}

func newSubject(name, program, dir string, s signer, l launcher) (*subject, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	sub := &subject{name: name, program: program, dir: dir, addr: "127.0.0.1:" + port, launch: l, each: filledSize,
		tables: map[string]*targets{}, present: map[string]bool{}}
	s.host = sub.addr
	sub.signer = &s
	return sub, nil
}

// command is how a server is started.
type command struct {
	args []string
	env  []string
}

// launcher says how s is started; certificates names the folder of a
// certificate when it is to speak TLS.
type launcher func(s *subject, certificates string) (command, error)

// peers are the servers that can be measured beside coffer.
func peers() map[string]launcher {
	return map[string]launcher{"minio": launchMinIO, "versitygw": launchVersity, "weed": launchWeed}
}

func launchCoffer(s *subject, certificates string) (command, error) {
	c := command{
		args: []string{"serve", "--data", s.dir, "--s3-addr", s.addr, "--console-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
			"--region", region, "--log-format", "json"},
		env: []string{"COFFER_CONFIG=" + os.DevNull, "COFFER_ROOT_ACCESS_KEY_ID=" + s.signer.accessKeyID, "COFFER_ROOT_SECRET_ACCESS_KEY=" + s.signer.secret},
	}
	if certificates != "" {
		c.args = append(c.args, "--tls-cert", filepath.Join(certificates, certFile), "--tls-key", filepath.Join(certificates, keyFile))
	}
	return c, nil
}

func launchMinIO(s *subject, _ string) (command, error) {
	return command{
		args: []string{"server", "--address", s.addr, "--quiet", s.dir},
		env:  []string{"MINIO_ROOT_USER=" + s.signer.accessKeyID, "MINIO_ROOT_PASSWORD=" + s.signer.secret, "MINIO_BROWSER=off"},
	}, nil
}

func launchVersity(s *subject, _ string) (command, error) {
	return command{
		args: []string{"--port", s.addr, "--keep-alive", "--quiet", "posix", s.dir},
		env:  []string{"ROOT_ACCESS_KEY_ID=" + s.signer.accessKeyID, "ROOT_SECRET_ACCESS_KEY=" + s.signer.secret},
	}, nil
}

// launchWeed starts all of SeaweedFS in one process. Its ports besides S3's are
// new ones at every start.
func launchWeed(s *subject, _ string) (command, error) {
	type credential struct {
		AccessKey string `json:"accessKey"`
		SecretKey string `json:"secretKey"`
	}
	type identity struct {
		Name        string       `json:"name"`
		Credentials []credential `json:"credentials"`
		Actions     []string     `json:"actions"`
	}
	text, err := json.Marshal(map[string][]identity{"identities": {{
		Name: "bench", Credentials: []credential{{s.signer.accessKeyID, s.signer.secret}},
		Actions: []string{"Admin", "Read", "Write", "List", "Tagging"},
	}}})
	if err != nil {
		return command{}, err
	}
	config := s.dir + ".json" // beside its data, which is weighed
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return command{}, fmt.Errorf("write the identities: %w", err)
	}
	_, s3Port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return command{}, err
	}
	args := []string{"server", "-dir=" + s.dir, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port=" + s3Port, "-s3.port.iceberg=0",
		"-s3.config=" + config, "-volume.max=0", "-master.volumeSizeLimitMB=1024"}
	for _, name := range []string{"master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc"} {
		port, err := freePort()
		if err != nil {
			return command{}, err
		}
		args = append(args, "-"+name+"="+port)
	}
	return command{args: args}, nil
}

// freePort returns a port of the loopback that nobody has now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
