package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer bounds an answer, in bytes after decompression: some thousand
// tokens with twenty log-probabilities each stay below a megabyte.
const maxAnswer = 16 << 20

// try sends body to s once; nil is a GET.
func (c *Client) try(ctx context.Context, s *server, body []byte) ([]byte, *Failure) {
	within, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(within, method(body), s.url, bytes.NewReader(body))
	if err != nil {
		return nil, &Failure{kind: refused, err: bare(err)}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("User-Agent", "radpo")
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.silence(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if status := response.StatusCode; status != http.StatusOK {
		return nil, c.judge(response, answer)
	}
	switch {
	case err != nil:
		return nil, c.silence(err)
	case len(answer) > maxAnswer:
		return nil, &Failure{kind: wrong, err: fmt.Errorf("the answer is longer than %d bytes", maxAnswer)}
	}
	return answer, nil
}

func method(body []byte) string {
	if body == nil {
		return http.MethodGet
	}
	return http.MethodPost
}

// silence is the failure of a connection.
func (c *Client) silence(err error) *Failure {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Failure{kind: silent, err: fmt.Errorf("no answer within %v", c.timeout)}
	}
	if err = bare(err); c.holdsKey(err.Error()) {
		err = errors.New(c.quote([]byte(err.Error())))
	}
	return &Failure{kind: silent, err: err}
}

// bare is err without the URL that net/http puts in front.
func bare(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// judge is the failure that a status other than 200 stands for.
func (c *Client) judge(r *http.Response, body []byte) *Failure {
	status := r.StatusCode
	said := c.quote([]byte(r.Status))
	f := &Failure{Status: status, kind: refused, err: fmt.Errorf("%s: %s", said, c.quote(body))}
	switch {
	case status == http.StatusUnauthorized && c.keyEnv == "":
		f.err = fmt.Errorf("%w (no key is sent: key_env names the environment variable that has it)", f.err)
	case status == http.StatusUnauthorized:
		f.err = fmt.Errorf("%w (the key is that of the environment variable %s)", f.err, c.keyEnv)
	case status == http.StatusTooManyRequests || status >= 500 && status != http.StatusNotImplemented:
		f.kind, f.after = silent, retryAfter(r.Header, time.Now())
	case status >= 300 && status < 400:
		f.err = fmt.Errorf("%s: redirects are not followed; give the URL itself", said)
	}
	return f
}
