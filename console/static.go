package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed static/*.css static/*.js static/*.svg static/vendor/*.js
var staticFiles embed.FS

// static serves the files that pages name. The path has a hash over all of
// them, so that a browser may keep them for ever and never mixes two versions.
type static struct {
	hash  string
	files map[string][]byte
}

func newStatic() (*static, error) {
	s := &static{files: map[string][]byte{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		s.files[strings.TrimPrefix(name, "static/")], err = staticFiles.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the console's files: %w", err)
	}
	sum := sha256.New()
	names := make([]string, 0, len(s.files))
	for name := range s.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", name, len(s.files[name]))
		sum.Write(s.files[name])
	}
	s.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return s, nil
}

func (s *static) prefix() string { return "/static/" }

// path is where a page finds the file name.
func (s *static) path(name string) string { return s.prefix() + s.hash + "/" + name }

func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, s.prefix()), "/")
	body, ok := s.files[name]
	if !ok || hash != s.hash {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	if strings.HasSuffix(name, ".js") {
		h.Set("Content-Type", "text/javascript; charset=utf-8")
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(body)
}
