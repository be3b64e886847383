package usageapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"windhover/gateway/ledger"
)

// failure is an answer that tells why there is none, in the shape of the gateway's other failures.
type failure struct {
	status    int
	kind      string // the JSON's type, without gateway_
	code      string // the JSON's code and the value of X-Windhover-Error
	parameter string // the one that is wrong; empty: none
	message   string
}

func (f *failure) write(w http.ResponseWriter) {
	type object struct {
		Message   string `json:"message"`
		Type      string `json:"type"`
		Code      string `json:"code"`
		Parameter string `json:"param,omitempty"`
	}
	w.Header().Set("X-Windhover-Error", f.code)
	w.Header().Del("Content-Disposition") // it is no file
	writeJSON(w, f.status, map[string]object{"error": {f.message, "gateway_" + f.kind, f.code, f.parameter}})
}

// failureOf is what an error means to whoever asked.
func (a *api) failureOf(err error) *failure {
	var parameter *ParameterError
	var expired *ledger.ExpiredError
	var closed *closedError
	switch {
	case errors.As(err, &parameter):
		return &failure{http.StatusBadRequest, "bad_request", "bad_parameter", parameter.Name, err.Error()}
	case errors.Is(err, ledger.ErrTooManyRows):
		return &failure{http.StatusBadRequest, "bad_request", "too_many_rows", "group_by", "group_by: the answer would have more than 10,000 rows; group by less, choose a shorter range, or choose fewer records"}
	case errors.As(err, &expired):
		return &failure{http.StatusBadRequest, "bad_request", "records_expired", "since", "since: " + expired.Error()}
	case errors.Is(err, ledger.ErrNotFound):
		return &failure{http.StatusNotFound, "not_found", "no_record", "", "no record has this id; it was deleted when its time was over, or never written"}
	case errors.As(err, &closed):
		return unavailable(err.Error())
	case errors.Is(err, errSlow):
		return unavailable("the ledger did not answer within " + a.Patience.String() + "; choose a shorter range, or ask again when it has less to do")
	}
	return unavailable("the ledger cannot be read: " + err.Error())
}

func unavailable(message string) *failure {
	return &failure{http.StatusServiceUnavailable, "unavailable", "ledger_unavailable", "", message}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := json.NewEncoder(w)
	body.SetEscapeHTML(false)
	_ = body.Encode(v) // fails only if the client has left
}
