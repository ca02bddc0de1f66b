package failing

func one() int { return 1 }
