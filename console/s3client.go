package console

import (
	"encoding/xml"
	"net/http"
	"strings"

	"coffer"
)

// isS3Client tells a request that was meant for the S3 address: one with an AWS
// signature in its header or its query. Those of the API are signed as well.
func isS3Client(r *http.Request) bool {
	signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS") || r.URL.Query().Has("X-Amz-Signature")
	return signed && r.URL.Path != "/v1" && !strings.HasPrefix(r.URL.Path, "/v1/")
}

// sendToS3 tells an S3 client where S3 is, in the form in which it shows errors. A
// redirect would not do: the signature is for the host that it was made for.
func (c *Console) sendToS3(w http.ResponseWriter, r *http.Request) {
	b, err := xml.Marshal(struct {
		XMLName                  xml.Name `xml:"Error"`
		Code, Message, RequestID string
	}{Code: "InvalidRequest", RequestID: coffer.RequestID(r.Context()),
		Message: "This is the address of the console. S3 is at " + c.S3URL() + ": use that as the endpoint URL."})
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", coffer.RequestID(r.Context()))
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(append([]byte(xml.Header), b...)) // the client is gone, or it is not
}
