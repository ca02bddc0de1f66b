package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/text"
	"github.com/endpointguard/endpointguard/pkg/verdict"
)

const (
	// tall is the height from which the board has room for the policy.
	tall = 34
	// broad is the width from which it has room for what EKS calls the cluster, and
	// for how long it takes.
	broad = 75
)

// row is what the board says of a cluster, but for what EKS shows.
type row struct {
	doing string // what the guardrail is doing about it
	style style
	began time.Duration // when somebody changed it, zero if nobody has yet
	over  time.Duration // when the guardrail was done with it, zero if it is not
}

// board is the demo as it stands: a line for each cluster, and what happened last
// beneath them.
func (d *demo) board(width, height int) []styled {
	var lines []styled
	for _, head := range []span{
		{"Endpoint Guard on an AWS inside this process. EKS's minutes are seconds here.", bold},
		{`"VPC": private access is on. "world", "2 blocks": who gets in from outside.`, dim},
		{`"!": it breaks the policy.`, dim},
	} {
		for _, part := range text.Lines(head.text, min(width, columns)) {
			lines = append(lines, styled{{part, head.style}})
		}
	}
	lines = append(lines, nil)
	if height >= tall && width >= columns {
		lines = append(append(lines, d.rules()...), nil)
	}
	heads := fmt.Sprintf("%-14s  %-8s  %-14s  %7s  %s", "CLUSTER", "EKS", "ENDPOINT", "TIME", "GUARDRAIL")
	if width < broad {
		heads = fmt.Sprintf("%-14s  %-14s  %s", "CLUSTER", "ENDPOINT", "GUARDRAIL")
	}
	lines = append(lines, styled{{heads, dim}})
	for _, r := range d.cast {
		lines = append(lines, d.boardRow(r, width))
	}
	lines = append(lines, nil)
	feed := d.story[max(0, len(d.story)-max(0, height-len(lines))):]
	// The rest of a step whose beginning is gone is left out, unless there is no more.
	begins := func(l styled) bool { return strings.TrimSpace(l[0].text) != "" }
	return append(lines, feed[max(0, slices.IndexFunc(feed, begins)):]...)
}

func (d *demo) boardRow(r role, width int) styled {
	name := span{fmt.Sprintf("%-14s", r.name), plain}
	c, ok := d.aws.Cluster(r.name)
	if !ok {
		return styled{{name.text, dim}, {"  -", dim}}
	}
	state := d.rows[r.name]
	status := span{fmt.Sprintf("  %-8s", c.Status), yellow}
	if c.Status == "ACTIVE" {
		status.style = plain
	}
	access := span{fmt.Sprintf("    %-12s", brief(accessOf(c))), green}
	if d.judge(c).Outcome == verdict.Violation {
		access = span{fmt.Sprintf("  ! %-12s", brief(accessOf(c))), red}
	}
	seconds := ""
	if state.began > 0 {
		until := state.over
		if until == 0 {
			until = time.Since(d.began)
		}
		seconds = fmt.Sprintf("%.1f s", max(0, until-state.began).Seconds())
	}
	if width < broad {
		return styled{name, access, {"  " + state.doing, state.style}}
	}
	return styled{name, status, access, {fmt.Sprintf("  %7s", seconds), plain}, {"  " + state.doing, state.style}}
}

// doing notes what the guardrail does about a cluster now.
func (d *demo) doing(cluster, what string, how style) {
	r := d.rows[cluster]
	r.doing, r.style = text.Reveal(what), how
	d.rows[cluster] = r
}

// over notes that the guardrail is done with a cluster.
func (d *demo) over(cluster string) {
	r := d.rows[cluster]
	r.over = time.Since(d.began)
	d.rows[cluster] = r
}

// tell adds one step to the story, wrapped into its column.
func (d *demo) tell(cluster, what string) {
	at, name := fmt.Sprintf("%5.1f s  ", time.Since(d.began).Seconds()), fmt.Sprintf("%-15s ", cluster)
	head := len(at) + len(name)
	for i, part := range text.Lines(text.Reveal(what), max(d.width-head, 20)) {
		l := styled{{at, dim}, {name, plain}}
		if i > 0 {
			l = styled{{strings.Repeat(" ", head), plain}}
		}
		who, what, said := strings.Cut(part, ": ")
		switch {
		case i == 0 && said && who == "guardrail":
			l = append(l, span{who + ": ", cyan}, span{what, plain})
		case i == 0 && said && who == "EKS":
			l = append(l, span{who + ": ", yellow}, span{what, plain})
		default:
			l = append(l, span{part, plain})
		}
		d.story = append(d.story, l)
		if d.canvas == nil {
			d.write(l)
		}
	}
}

// write prints lines beneath one another.
func (d *demo) write(lines ...styled) {
	for _, l := range lines {
		d.printf("%s\n", l.render(l.width(), d.colour))
	}
}

// draw brings the board up to date, if there is one.
func (d *demo) draw() {
	if d.canvas != nil {
		d.canvas.draw(d.board)
	}
}
