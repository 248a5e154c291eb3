package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// An Error is what a client is told in place of an answer.
type Error struct {
	Status int
	Code   string // OpenAI's word for it, such as context_length_exceeded; empty: none
	Param  string // the member of the request that is at fault; empty: none
	Err    error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// BadRequest is the error of a request that is at fault.
func BadRequest(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}

// Of is BadRequest where the member param is at fault.
func Of(param, format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Param: param, Err: fmt.Errorf(param+": "+format, args...)}
}

// Body is err as OpenAI's API has it, with its status: 500 unless it is an
// Error.
func Body(err error) (status int, body any) {
	e := &Error{Status: http.StatusInternalServerError, Err: err}
	errors.As(err, &e)
	kind := "invalid_request_error"
	switch {
	case e.Status >= 500:
		kind = "server_error"
	case e.Status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case e.Status == http.StatusUnauthorized:
		kind = "authentication_error"
	}
	code, param := any(e.Code), any(e.Param)
	if e.Code == "" {
		code = e.Status
	}
	if e.Param == "" {
		param = nil
	}
	return e.Status, map[string]any{"error": map[string]any{"message": err.Error(), "type": kind, "param": param, "code": code}}
}

// fail writes an error.
func fail(w http.ResponseWriter, err error) {
	status, body := Body(err)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil { // such as a number that is not finite
		status, text = http.StatusInternalServerError, []byte(`{"error":{"message":"the answer cannot be written","type":"server_error","param":null,"code":500}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
