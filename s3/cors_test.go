package s3_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestWhatAHandlerBeforeAllowedStands: where the origin was decided on before, as
// for the console's own pages, the rules of the bucket add nothing.
func TestWhatAHandlerBeforeAllowedStands(t *testing.T) {
	w := newWorld(t)
	w.play(t, "PUT /photos", nil)
	w.play(t, "@md5\nPUT /photos?cors\n\n<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>", nil)
	for _, before := range []string{"", "https://console.example"} {
		r := httptest.NewRequest(http.MethodGet, "/photos/a", nil)
		r.Header.Set("Origin", "https://console.example")
		answer := httptest.NewRecorder()
		want := "*"
		if before != "" {
			answer.Header().Set("Access-Control-Allow-Origin", before)
			want = before
		}
		w.Config.Handler.ServeHTTP(answer, r)
		if got := answer.Header().Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != want {
			t.Errorf("with %q allowed before, the answer allows %q, want %q", before, got, want)
		}
		if got := answer.Header().Get("Access-Control-Allow-Methods"); (got == "") != (before != "") {
			t.Errorf("with %q allowed before, the answer allows the methods %q", before, got)
		}
	}
}
