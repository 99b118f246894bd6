package server

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// reachedBy is a listener's URL with a host name that the certificate is for: one with
// another is refused by every client that checks, and so by all that were told of it.
// What the certificate is for already, and what it has no name for, stays as it is.
func (c *certificate) reachedBy(listener string) string {
	leaf := c.current.Load().Leaf
	u, err := url.Parse(listener)
	if err != nil || leaf == nil || leaf.VerifyHostname(u.Hostname()) == nil {
		return listener
	}
	host := ""
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() && leaf.VerifyHostname("localhost") == nil {
		host = "localhost"
	}
	for _, name := range leaf.DNSNames {
		if host == "" && !strings.HasPrefix(name, "*") {
			host = name
		}
	}
	if host == "" && len(leaf.IPAddresses) > 0 {
		host = leaf.IPAddresses[0].String()
	}
	if host == "" {
		return listener
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// caveats are what keeps clients from a TLS address, in words: that its name leads
// elsewhere cannot be told from here, that nobody vouches for the certificate can.
// bundle is the file that the AWS CLI needs to trust it, "" if it needs none.
func (c *certificate) caveats(endpoint, listener string) (notes []string, bundle string) {
	u, err := url.Parse(endpoint)
	chain := c.chain()
	if err != nil || len(chain) == 0 {
		return nil, ""
	}
	leaf, host := chain[0], u.Hostname()
	if err := leaf.VerifyHostname(host); err != nil {
		notes = append(notes, fmt.Sprintf("The certificate %s is not for %s, and clients will refuse it: use one that is for the name of this server.", c.certFile, host))
	} else if here, err := url.Parse(listener); err == nil && here.Hostname() != host && host != "localhost" {
		notes = append(notes, fmt.Sprintf("The certificate is for %s, which must lead to this machine. If clients use another address, set --public-s3-url.", host))
	}
	others := x509.NewCertPool()
	for _, cert := range chain[1:] {
		others.AddCert(cert)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Intermediates: others}); err == nil {
		return notes, ""
	}
	last := chain[len(chain)-1]
	if isSelfSigned(last) {
		bundle, err := filepath.Abs(c.certFile)
		if err != nil {
			bundle = c.certFile
		}
		return append(notes, "This machine does not trust the certificate by itself: --ca-bundle makes the AWS CLI do so, AWS_CA_BUNDLE the SDKs."), bundle
	}
	return append(notes, fmt.Sprintf("This machine does not trust the certificate by itself: put that of the authority (%s) in the place of CA.pem.", last.Issuer)), "CA.pem"
}

// isSelfSigned tells it of a certificate that is no authority's as well.
func isSelfSigned(c *x509.Certificate) bool {
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// chain is the certificate, and those that it came with.
func (c *certificate) chain() []*x509.Certificate {
	var out []*x509.Certificate
	for _, der := range c.current.Load().Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil
		}
		out = append(out, cert)
	}
	return out
}
