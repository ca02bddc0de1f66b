package failing

import "testing"

func TestOne(t *testing.T) {
	if one() != 2 {
		t.Error("not two")
	}
}
