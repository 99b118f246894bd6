package s3

import (
	"html"
	"net/http"
	"strconv"
	"strings"
)

// page answers with the page that AWS shows for an error where a website has none
// of its own; own is why that one could not be shown, or nil.
func (s *site) page(err, own error) error {
	s.failure = err
	a := translate(err)
	h := s.w.Header()
	clearObject(h, a.status)
	s.tell(a)
	if a.status == http.StatusMethodNotAllowed {
		h.Set("Allow", "GET, HEAD, OPTIONS")
	}
	title := html.EscapeString(strconv.Itoa(a.status) + " " + http.StatusText(a.status))
	var b strings.Builder
	b.WriteString("<html>\n<head><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1>\n")
	writeErrorList(&b, a, item("RequestId", s.id)+item("HostId", hostID))
	if own != nil {
		b.WriteString("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n")
		writeErrorList(&b, translate(own), "")
	}
	b.WriteString("<hr/>\n</body>\n</html>\n")
	h.Set("Content-Type", "text/html; charset=utf-8")
	// The page is ours, on an origin that is somebody else's.
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	s.w.WriteHeader(a.status)
	if s.r.Method != head {
		_, _ = s.w.Write([]byte(b.String()))
	}
	return nil
}

// tell has the head of an answer say what the error is, whatever page stands below
// it, and a HEAD has none.
func (s *site) tell(a answer) {
	h := s.w.Header()
	h.Set("x-amz-error-code", a.code)
	h.Set("x-amz-error-message", a.message)
}

// writeErrorList writes what S3 would say in XML as a list, with more at its end.
func writeErrorList(b *strings.Builder, a answer, more string) {
	b.WriteString("<ul>\n" + item("Code", a.code) + item("Message", a.message))
	for _, f := range a.fields {
		b.WriteString(item(f.Name, f.Value))
	}
	b.WriteString(more + "</ul>\n")
}

func item(name, value string) string {
	return "<li>" + html.EscapeString(name) + ": " + html.EscapeString(value) + "</li>\n"
}
