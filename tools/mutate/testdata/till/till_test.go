package till

import "testing"

func TestTill(t *testing.T) {
	var till Till
	if err := till.Put(1, 2, -1); err != nil {
		t.Fatal(err)
	}
	if got := till.Sum(); got != 3 {
		t.Errorf("sum %d", got)
	}
	for hour, want := range map[int]bool{8: false, open: true, 10: true, 16: true, 17: false} {
		if OpenAt(hour) != want {
			t.Errorf("at %d open: %t", hour, !want)
		}
	}
	if Most(1, 2) != 2 || Most("b", "a") != "b" {
		t.Error("not the larger one")
	}
	if got := with([]int{1}, "", 2); len(got) != 2 {
		t.Error(got)
	}
}
