package server

import (
	"strings"
	"testing"
)

func TestWebsitesShareNoName(t *testing.T) {
	tests := []struct {
		name, website, domain, s3, console string
		want                               string // "" for no error
	}{
		{"OfItsOwn", "site.example", "s3.example", "https://s3.example", "https://console.example", ""},
		{"BelowTheDomainOfS3", "website.localhost", "localhost", "", "http://localhost:9001", ""},
		{"ThatOfS3", "S3.example", "s3.example", "", "", "for websites or for S3"},
		{"ConsoleBelow", "example", "s3.example", "", "https://console.example", "public-console-url"},
		{"ConsoleIsTheDomain", "site.example", "s3.example", "", "https://site.example:9001", "public-console-url"},
		{"EndpointBelow", "example", "localhost", "https://s3.example", "", "public-s3-url"},
		{"NoName", ".example", "localhost", "", "", "without port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewConfig()
			c.WebsiteDomains, c.Domains, c.PublicS3URL, c.PublicConsoleURL = []string{tt.website}, []string{tt.domain}, tt.s3, tt.console
			err := c.checkAddresses()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("checkAddresses = %v, want %q", err, tt.want)
			}
		})
	}
}
