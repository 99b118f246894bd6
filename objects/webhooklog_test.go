package objects

import (
	"fmt"
	"testing"

	"coffer"
)

func TestTheLogOfAWebhookIsForItsAccountAndForOperators(t *testing.T) {
	w := newWorld(t)
	w.Webhooks = []coffer.Webhook{{Name: "shared", URL: coffer.NewSecretFrom("https://sink.example/")}, {Name: "alices", URL: coffer.NewSecretFrom("https://sink.example/"), Account: alice.Account},
		{Name: "bobs", URL: coffer.NewSecretFrom("https://sink.example/"), Account: bob.Account}}
	for _, hook := range w.Webhooks {
		if err := w.DeliveryFailed(t.Context(), hook.Name, Delivery{ID: "d", Time: w.clock.Now(), Error: "no route", Events: 1}); err != nil {
			t.Fatal(err)
		}
	}
	operator := w.As(coffer.Actor{Account: alice.Account, Caller: coffer.Caller{Operator: true}})
	for _, tt := range []struct {
		name  string
		s     Session
		sends string
		reads string
	}{
		{"Alice", w.alice, "[{shared false} {alices true}]", "alices "},
		{"Bob", w.bob, "[{shared false} {bobs true}]", "bobs "},
		{"AnOperator", operator, "[{shared true} {alices true}]", "shared alices bobs "},
		{"Nobody", w.As(coffer.Actor{}), "[]", ""},
	} {
		if got := fmt.Sprint(tt.s.Destinations()); got != tt.sends {
			t.Errorf("%s: Destinations() = %s, want %s", tt.name, got, tt.sends)
		}
		reads := ""
		for _, hook := range w.Webhooks {
			counts, list, err := tt.s.WebhookLog(t.Context(), hook.Name, 10)
			if err == nil && len(list) == 1 && counts.Failed == 1 {
				reads += hook.Name + " "
			} else if coffer.CodeOf(err) != coffer.NoSuchConfiguration {
				t.Errorf("%s: WebhookLog(%s) = %+v, %v, %v", tt.name, hook.Name, counts, list, err)
			}
		}
		if reads != tt.reads {
			t.Errorf("%s reads the logs %q, want %q", tt.name, reads, tt.reads)
		}
	}
}
