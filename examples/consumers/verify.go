// Verifies a chain with crypto/x509: go run verify.go ROOT.pem ISSUING.pem CERTIFICATE.pem
// crypto/x509 leaves a critical subjectAltName without DNS names to its caller.
package main

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
)

var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

func load(path string) *x509.Certificate {
	octets, err := os.ReadFile(path)
	if err != nil {
		refuse(err)
	}
	block, _ := pem.Decode(octets)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		refuse(err)
	}
	return certificate
}

func refuse(err error) {
	fmt.Println("refused:", err)
	os.Exit(1)
}

func main() {
	roots, issuing := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(load(os.Args[1]))
	issuing.AddCert(load(os.Args[2]))
	certificate := load(os.Args[3])
	var unhandled []asn1.ObjectIdentifier
	for _, id := range certificate.UnhandledCriticalExtensions {
		if !id.Equal(subjectAltName) {
			unhandled = append(unhandled, id)
		}
	}
	certificate.UnhandledCriticalExtensions = unhandled
	options := x509.VerifyOptions{
		Roots:         roots,
		Intermediates: issuing,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if _, err := certificate.Verify(options); err != nil {
		refuse(err)
	}
	fmt.Println("OK")
}
