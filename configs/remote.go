package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// asks judges what the kinds remote and judge must have.
func (c Config) asks() Errors {
	var faults Errors
	need := func(ok bool, path, format string, args ...any) {
		if !ok {
			faults = append(faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
		}
	}
	r := c.Ranker.Remote
	switch c.Ranker.Kind {
	case "remote":
		templated, messages := r.Form == "template", r.Form == "messages"
		need(!messages || strings.HasPrefix(r.Protocol, "vllm-") && r.Protocol != "vllm-score", "ranker.remote.form",
			"messages can be sent by vllm-classify and vllm-pooling alone, not by %s; choose template or plain", r.Protocol)
		need(!templated || r.Protocol != "vllm-score", "ranker.remote.form",
			"vllm-score takes prompt and response apart; choose plain")
		need(!templated || r.Protocol == "vllm-score" || c.Ranker.Model != "", "ranker.model",
			"is missing: the folder of the reward model's chat template and tokenizer; or choose another ranker.remote.form")
		need(templated || c.Ranker.Model == "", "ranker.model", "has no use: ranker.remote.form %s reads no template", r.Form)
	case "judge":
		need(r.Model != "", "ranker.remote.model", "is missing: the name that the server has for the judge")
		need(c.Ranker.Model == "", "ranker.model", "has no use: the judge is ranker.remote.model")
	default:
		return nil
	}
	need(len(r.URLs) > 0, "ranker.remote.urls", "are missing: ranker.kind %s asks servers, such as [http://127.0.0.1:8000]", c.Ranker.Kind)
	return append(faults, inTheClear("ranker.remote.urls", r.URLs, r.KeyEnv)...)
}

// sends judges what the backend openai must have.
func (c Config) sends() Errors {
	r := c.Sampler.Remote
	if c.Sampler.Backend != "openai" {
		return nil
	}
	if len(r.URLs) == 0 {
		return Errors{{Path: "sampler.remote.urls", Message: "are missing: sampler.backend openai asks servers, such as [http://127.0.0.1:8000]"}}
	}
	return inTheClear("sampler.remote.urls", r.URLs, r.KeyEnv)
}

// inTheClear lists the servers to which a key would go unencrypted.
func inTheClear(path string, urls []string, keyEnv string) Errors {
	var faults Errors
	for i, text := range urls {
		u, err := url.Parse(text)
		if err == nil && keyEnv != "" && u.Scheme != "https" && !near(u.Hostname()) {
			faults = append(faults, Fault{Path: path, Message: fmt.Sprintf("item %d would have the key sent in the clear; use https", i+1)})
		}
	}
	return faults
}

// reloading judges how servers get new weights: a name, or else a command,
// which a slip in a name is not.
func reloading(v any) string {
	text := v.(string)
	message := oneOf("none vllm sglang")(v)
	if text == "" || message == "" || strings.ContainsAny(text, " /{") {
		return ""
	}
	return message + ", or a command such as ./reload.sh {model}"
}

// near reports whether a host is of this machine or its own network.
func near(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
	}
	return a.IsLoopback() || a.IsPrivate()
}

// servers judges a list of URLs. What is wrong with one is said without
// repeating it: there may be a key in it.
func servers(v any) string {
	for i, text := range v.([]string) {
		if problem := urlProblem(text); problem != "" {
			return fmt.Sprintf("item %d %s", i+1, problem)
		}
	}
	return ""
}

func urlProblem(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "is not a URL such as http://127.0.0.1:8000"
	}
	if u.User != nil || discreet(text) != text {
		return "has a key or password in it; put that into an environment variable and name it as key_env"
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && unusable(a.Unmap()) {
		return "is an address that no server of models has"
	}
	return ""
}

func unusable(a netip.Addr) bool {
	return a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}

// variable judges the name of an environment variable. Lower case is refused
// because keys have it: somebody may have written the key itself, which is why
// the message does not repeat it.
func variable(v any) string {
	if !variableName.MatchString(v.(string)) {
		return "is not the name of an environment variable in capitals, such as OPENAI_API_KEY; the key itself must not stand here"
	}
	return ""
}

var variableName = regexp.MustCompile(`^([A-Z_][A-Z0-9_]*)?$`)

// discreet takes passwords and keys out of the URLs in a text.
func discreet(s string) string {
	return querySecret.ReplaceAllString(userInfo.ReplaceAllString(s, "//…@"), "$1…")
}

var (
	userInfo    = regexp.MustCompile(`//[^/?#\s]*@`)
	querySecret = regexp.MustCompile(`(?i)([?&][^=&\s]*(?:key|token|secret|sig|pass|auth)[^=&\s]*=)[^&\s]*`)
)

// withoutKey is an override less its value when that looks like a key.
func withoutKey(set string) string {
	path, _, ok := strings.Cut(set, "=")
	if ok && keyPath.MatchString(path) {
		return path + "=…"
	}
	return set
}

var keyPath = regexp.MustCompile(`(?i)key|secret|password|token$|urls$`)
