package incident

import (
	"strings"
	"testing"
)

func TestSound(t *testing.T) {
	telling := &Intent{Kind: IntentTell, Notice: NoticeOutcome}
	for name, tc := range map[string]struct {
		r    Record
		want string
	}{
		"a new one":                         {Record{}, ""},
		"one that counts":                   {Record{Opened: 1, Check: Check{Number: 2}, Trouble: 3}, ""},
		"fewer than no incidents":           {Record{Opened: -1}, "counts -1 incidents"},
		"fewer than no checks":              {Record{Check: Check{Number: -1}}, "-1 checks"},
		"fewer than no failures":            {Record{Trouble: -1}, "-1 failures"},
		"left a rule":                       {Record{Left: &Departure{Rules: []string{"a"}}}, ""},
		"left no rule":                      {Record{Left: &Departure{}}, "none is named"},
		"an open incident":                  {Record{Incident: &Incident{}}, ""},
		"a decided one":                     {Record{Incident: &Incident{Final: &Final{}}}, ""},
		"a decided one that is being told":  {Record{Incident: &Incident{Final: &Final{}}, Intent: telling}, ""},
		"an open one that is being told":    {Record{Incident: &Incident{}, Intent: &Intent{Kind: IntentTell, Notice: NoticeDetected}}, ""},
		"an outcome of none":                {Record{Intent: telling}, ""},
		"an outcome that was never decided": {Record{Incident: &Incident{Ref: "EG-1"}, Intent: telling}, `the outcome of incident "EG-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.r.Sound()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want one about %q", err, tc.want)
			}
		})
	}
}
