package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	answerStart = `{"id":"chatcmpl-B1","object":"chat.completion","created":1741570283,"model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"`
	answerEnd   = `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`
	event       = `data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1741570283,"model":"gpt-5","choices":[{"index":0,"delta":{"content":" some words of an answer"},"finish_reason":null}]}` + "\n\n"
	lastEvents  = `data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1741570283,"model":"gpt-5","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":99,"total_tokens":111}}` + "\n\ndata: [DONE]\n\n"
)

// serveUpstream serves answer, with TLS if there is a file to write the certificate to.
func serveUpstream(address, certificate string) error {
	server := &http.Server{Addr: address, Handler: upstream()}
	if certificate == "" {
		return server.ListenAndServe()
	}
	pair, err := selfSigned(certificate)
	if err != nil {
		return err
	}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.ErrorLog = log.New(io.Discard, "", 0)
	return server.ListenAndServeTLS("", "")
}

// upstream answers any request as its query says: with JSON of `size` bytes, or with `events` events, one every `gap`.
func upstream() http.HandlerFunc {
	var answers sync.Map // by size
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := w.Header()
		for _, name := range []string{"Openai-Organization", "Openai-Processing-Ms", "Openai-Project", "Openai-Version", "X-Request-Id",
			"X-Ratelimit-Limit-Requests", "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens",
			"X-Ratelimit-Reset-Requests", "X-Ratelimit-Reset-Tokens", "Cf-Ray", "Alt-Svc", "Strict-Transport-Security"} {
			h[name] = []string{"0123456789abcdef"}
		}
		query := r.URL.Query()
		if events, _ := strconv.Atoi(query.Get("events")); events > 0 {
			gap, _ := time.ParseDuration(query.Get("gap"))
			streamEvents(w, r, events, gap)
			return
		}
		size, _ := strconv.Atoi(query.Get("size"))
		answer, ok := answers.Load(size)
		if !ok {
			answer = []byte(answerStart + strings.Repeat("x", max(0, size-len(answerStart)-len(answerEnd))) + answerEnd)
			answers.Store(size, answer)
		}
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(answer.([]byte))))
		_, _ = w.Write(answer.([]byte))
	}
}

// selfSigned makes a certificate for 127.0.0.1, and writes it to a file for those who are to trust it.
func selfSigned(file string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

func streamEvents(w http.ResponseWriter, r *http.Request, events int, gap time.Duration) {
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	for range events {
		if _, err := io.WriteString(w, event); err != nil || flusher.Flush() != nil {
			return
		}
		if gap > 0 {
			select {
			case <-time.After(gap):
			case <-r.Context().Done():
				return
			}
		}
	}
	_, _ = io.WriteString(w, lastEvents)
}

// serveReverseProxy is the standard library's proxy, with what it needs to be quick: pooled buffers and connections.
func serveReverseProxy(address, upstream string) error {
	to, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	buffers := &bufferPool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/openai")
		},
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true, ForceAttemptHTTP2: true},
		FlushInterval: -1,
		BufferPool:    buffers,
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return http.Serve(listener, proxy)
}

type bufferPool struct{ sync.Pool }

func (p *bufferPool) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *bufferPool) Put(b []byte) { p.Pool.Put(&b) }
