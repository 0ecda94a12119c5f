// Fulcio's own server, certificate authority and issuers behind its own HTTP routes, on one address that the caller
// names. The program that Fulcio brings has its metrics listen on every interface; this one listens nowhere else.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	v1 "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"

	"github.com/sigstore/fulcio/pkg/ca/fileca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/server"
)

var (
	listen  = flag.String("listen", "127.0.0.1:0", "address to listen on")
	issuers = flag.String("issuers", "", "file with the OpenID issuers that are trusted")
	chain   = flag.String("chain", "", "PEM file of the authority's certificates, the one that signs first")
	key     = flag.String("key", "", "PEM file of the authority's key")
	ctURL   = flag.String("ct-log", "", "address of the certificate transparency log")
	// Fulcio asks a log that is away again and again, and its clients know no end either.
	patience = flag.Duration("patience", 10*time.Second, "how long one request may take")
	ctKey    = flag.String("ct-key", "", "PEM file of the log's public key: what it answers is verified")
)

func main() {
	flag.Parse()
	trusted := must(config.Load(*issuers))
	authority := must(fileca.NewFileCA(*chain, *key, "", false))
	defer authority.Close()
	logKey := must(os.ReadFile(*ctKey))
	patient := &http.Client{Timeout: 20 * time.Second}
	ct := must(ctclient.New(*ctURL, patient, jsonclient.Options{PublicKey: string(logKey)}))
	kinds := []v1.PublicKeyDetails{v1.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256}
	allowed := must(signature.NewAlgorithmRegistryConfig(kinds))
	fulcio := server.NewGRPCCAServer(ct, authority, allowed, server.NewIssuerPool(trusted))

	routes := runtime.NewServeMux(runtime.WithMetadata(bearer))
	if err := protobuf.RegisterCAHandlerServer(context.Background(), routes, fulcio); err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		inTime, done := context.WithTimeout(request.Context(), *patience)
		defer done()
		routes.ServeHTTP(answer, request.WithContext(config.With(inTime, trusted)))
	})
	serving := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(serving.ListenAndServe())
}

// bearer hands on the token that the client sent, by the name under which Fulcio looks for it.
func bearer(_ context.Context, request *http.Request) metadata.MD {
	token, _ := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	return metadata.Pairs(server.MetadataOIDCTokenKey, token)
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
