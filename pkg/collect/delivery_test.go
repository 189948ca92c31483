package collect_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/collect"
)

func TestDeliveryEncode(t *testing.T) {
	kept := http.Header{
		"Content-Type": {"application/json"}, "X-Github-Event": {"push"}, "X-Github-Delivery": {"72d3162e"},
		"Ce-Id": {"1"}, "X-Webhook-Id": {"a", "b"},
	}
	dropped := http.Header{
		"Authorization": {"Bearer s"}, "Cookie": {"s"}, "X-Gitlab-Token": {"s"}, "X-Hub-Signature-256": {"sha256=0"}, "X-Api-Key": {"s"},
		"X-Forwarded-For": {"192.0.2.1"}, "X-Real-Ip": {"192.0.2.1"}, "User-Agent": {"x"},
	}
	for _, body := range []string{"", "{}", "a\r\n\r\nb", "\r\n\r\n"} {
		for _, h := range []http.Header{kept, {}} {
			d := collect.Delivery{Header: h.Clone(), Body: []byte(body)}
			for name, v := range dropped {
				d.Header[name] = v
			}
			got, err := collect.DecodeDelivery(d.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(h, got.Header); diff != "" || string(got.Body) != body {
				t.Errorf("body %q became %q; headers -want +got:\n%s", body, got.Body, diff)
			}
		}
	}
	for _, b := range []string{"", "no headers", "A: b\r\n"} {
		if _, err := collect.DecodeDelivery([]byte(b)); err == nil {
			t.Errorf("%q was read", b)
		}
	}
}
