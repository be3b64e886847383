package upstream

import (
	"encoding/json"
	"net/http"
)

// fail answers with an error as this provider words it. 502 is what a proxy in front of a provider says.
func (u *Upstream) fail(w http.ResponseWriter, status int) {
	w.Header().Set("X-Request-Id", "req_fail")
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-Ratelimit-Remaining-Requests", "0")
	}
	if status == http.StatusBadGateway {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>\n"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if u.provider == "aws-bedrock" {
		w.Header().Set("X-Amzn-Errortype", awsErrors[status])
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(errorBody(u.provider, status))
}

func errorBody(provider string, status int) map[string]any {
	text := http.StatusText(status)
	switch provider {
	case "anthropic":
		return map[string]any{"type": "error", "error": map[string]any{"type": "some_error", "message": text}, "request_id": "req_fail"}
	case "google-ai-studio":
		return map[string]any{"error": map[string]any{"code": status, "message": text, "status": "SOME_ERROR"}}
	case "mistral":
		return map[string]any{"object": "error", "message": text, "type": "some_error", "param": nil, "code": "1000"}
	case "cohere", "aws-bedrock":
		return map[string]any{"message": text}
	}
	return map[string]any{"error": map[string]any{"message": text, "type": "some_error", "param": nil, "code": "some_code"}}
}

// awsErrors are the names by which clients of Bedrock know an error.
var awsErrors = map[int]string{
	http.StatusBadRequest:          "ValidationException",
	http.StatusUnauthorized:        "UnrecognizedClientException",
	http.StatusForbidden:           "AccessDeniedException",
	http.StatusNotFound:            "ResourceNotFoundException",
	http.StatusTooManyRequests:     "ThrottlingException",
	http.StatusInternalServerError: "InternalServerException",
	http.StatusServiceUnavailable:  "ServiceUnavailableException",
}
