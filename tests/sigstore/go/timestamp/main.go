// The timestamp authority's own server on loopback alone. The program that it brings has its metrics listen on every
// interface, at a port that cannot be chosen, so that two of them cannot be beside each other.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

const policy = "1.3.6.1.4.1.57264.2"

func main() {
	port := flag.Int("tcp", 0, "port of loopback to listen on")
	chain := flag.String("chain", "", "PEM file of the certificates, the one that signs first")
	key := flag.String("key", "", "PEM file of the key that signs")
	flag.Parse()
	for name, value := range map[string]any{
		"timestamp-signer": "file", "timestamp-signer-hash": "sha256", "max-request-body-size": 1 << 20,
		"file-signer-key-path": *key, "certificate-chain-path": *chain, "enforce-intermediate-eku": true,
		"default-policy-oid": policy, "accepted-policy-oids": []string{policy},
		"http-request-id-header-name": "X-Request-Id",
	} {
		viper.Set(name, value)
	}
	serving := server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, 10*time.Second, 10*time.Second)
	serving.CleanupTimeout = time.Second
	log.Fatal(serving.Serve())
}
