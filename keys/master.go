package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
)

// masterBytes is the length of a master key: AES-256.
const masterBytes = 32

// masterComment is the first line of a master key file.
const masterComment = "# coffer master key: keep it apart from backups of the data"

// masterFileMax bounds what is read of a file that is given as a master key.
const masterFileMax = 4 << 10

// ErrNoMasterKey says that the file of the master key is missing although the
// store has secrets that were sealed under it.
var ErrNoMasterKey = errors.New("the master key file is missing")

// Master is the key that seals the data key. It prints as a Secret does.
type Master struct{ coffer.Secret }

// ParseMaster reads a master key as it stands in a master key file or in
// COFFER_MASTER_KEY: 64 hexadecimal digits, with spaces around them and comment
// lines before them ignored. Its errors never quote the text.
func ParseMaster(text coffer.Secret) (Master, error) {
	var digits string
	for line := range strings.Lines(text.Reveal()) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if digits != "" {
			return Master{}, errors.New("it has more than one key")
		}
		digits = line
	}
	key, err := hex.DecodeString(digits)
	if err != nil || len(key) != masterBytes {
		return Master{}, fmt.Errorf("it is not %d hexadecimal digits", 2*masterBytes)
	}
	return Master{coffer.NewSecretFrom(string(key))}, nil
}

// id names the key without giving it away, so that a wrong key can be told from
// a damaged record.
func (m Master) id() string {
	mac := hmac.New(sha256.New, []byte(m.Reveal()))
	mac.Write([]byte("coffer master key id v1"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// ID names the key without giving it away; see id.
func (m Master) ID() string { return m.id() }

// Derive makes a key of 32 bytes for another use of the master key (RFC 5869), that
// tells nothing of the master key itself, nor of a key for another use.
func (m Master) Derive(use string) (coffer.Secret, error) {
	b, err := hkdf.Key(sha256.New, []byte(m.Reveal()), nil, use, masterBytes)
	if err != nil {
		return coffer.Secret{}, fmt.Errorf("derive a key: %w", err)
	}
	return coffer.NewSecretFrom(string(b)), nil
}

// LoadOrCreateMaster reads the master key file at path. If there is none and
// create is true, it makes one with mode 0600, which is durable when the call
// returns; otherwise it is ErrNoMasterKey. Pass create only when Sealed says
// that nothing was sealed yet: a new key would not open what an old one closed.
func LoadOrCreateMaster(fsys vfs.FS, path string, create bool, rand io.Reader, log *slog.Logger) (Master, error) {
	m, err := loadMaster(fsys, path, log)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if !create {
		return Master{}, fmt.Errorf("%w: the secrets in the database are sealed under the key in %s, "+
			"restore this file from where you keep it, or give the key in COFFER_MASTER_KEY", ErrNoMasterKey, path)
	}
	if err := createMaster(fsys, path, rand); err != nil {
		return Master{}, fmt.Errorf("make master key file %s: %w", path, err)
	}
	return loadMaster(fsys, path, log)
}

func loadMaster(fsys vfs.FS, path string, log *slog.Logger) (Master, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return Master{}, fmt.Errorf("read master key file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, masterFileMax))
	if err != nil {
		return Master{}, fmt.Errorf("read master key file %s: %w", path, err)
	}
	m, err := ParseMaster(coffer.NewSecretFrom(string(text)))
	if err != nil {
		return Master{}, fmt.Errorf("the master key file %s is damaged (%w): restore it from where you keep it", path, err)
	}
	// A file in memory has no mode to speak of.
	if info, err := f.Stat(); err == nil && f.Fd() != vfs.InvalidFd && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can read the master key file: run chmod 600 on it",
			"path", path, "mode", info.Mode().Perm().String())
	}
	return m, nil
}

// createMaster writes the file under another name and links it into place, so
// that path never has half a key, and never replaces a key that another
// process put there meanwhile.
func createMaster(fsys vfs.FS, path string, rand io.Reader) error {
	var key [masterBytes]byte
	var suffix [4]byte
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	if _, err := io.ReadFull(rand, suffix[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	temp := path + "." + hex.EncodeToString(suffix[:])
	text := masterComment + "\n" + hex.EncodeToString(key[:]) + "\n"
	if err := writeSecretFile(fsys, temp, text); err != nil {
		return errors.Join(err, removeIfThere(fsys, temp))
	}
	err := fsys.Link(temp, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		err = nil // another process was first: its key counts
	case err != nil:
		// Some file systems have no hard links. Whoever starts a server holds
		// the lock of its data folder, so nobody puts a key there now.
		err = fsys.Rename(temp, path)
	}
	if err := errors.Join(err, removeIfThere(fsys, temp)); err != nil {
		return err
	}
	dir, err := fsys.OpenDir(fsys.PathDir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSecretFile(fsys vfs.FS, path, text string) error {
	f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	// vfs has no modes. The file is still empty, so nobody reads a key between
	// its making and this.
	if f.Fd() != vfs.InvalidFd {
		if err := os.Chmod(path, 0o600); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if _, err := f.Write([]byte(text)); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func removeIfThere(fsys vfs.FS, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
