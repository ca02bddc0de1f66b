package document

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// A hint that names a value names one that the next run takes: what people follow
// word by word must not lead into the next error.

// Scalar is text as a value of YAML that is read as that text, within brackets,
// too.
func Scalar(text string) string {
	var n yaml.Node
	plain := text != "" && text == strings.TrimSpace(text) &&
		!strings.ContainsAny(text, "[]{},:#\n\"'\\") && !strings.ContainsAny(text[:1], "*&!|>%@`-?=~<")
	if plain && yaml.Unmarshal([]byte(text), &n) == nil && len(n.Content) == 1 && IsText(n.Content[0]) && n.Content[0].Value == text {
		return text
	}
	return strconv.Quote(text)
}

// Scalars are the texts as a list of YAML.
func Scalars(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Scalar(text)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// inQuotes is the hint for a value that is right but for its quotes.
func inQuotes(text string) string {
	if text != Brief(text) {
		return "put it in quotes"
	}
	return "put it in quotes: " + strconv.Quote(text)
}

// InBrackets is the hint for one text where a list of texts must be.
func InBrackets(n *yaml.Node) string {
	if IsText(n) && len(items(n.Value)) == 1 && n.Value == Brief(n.Value) {
		return "write [" + Scalar(n.Value) + "]"
	}
	return "write the items within square brackets"
}

// items are the texts that one text stands for in which several were written.
func items(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ';' || unicode.IsSpace(c) })
}

const accountHint = "account ids have 12 digits, in quotes; patterns are not possible"

// AccountSpelling returns the account id that a text that is none stands for, and
// why it is none as it is; false if that isn't to be seen.
func AccountSpelling(text string) (id, why string, ok bool) {
	if parts := strings.Split(text, ":"); len(parts) > 5 && strings.TrimSpace(parts[0]) == "arn" {
		return parts[4], "it is an ARN", IsAccount(parts[4])
	}
	for _, sign := range []struct{ chars, why string }{{"-\u2010\u2011\u2013", "it has dashes"}, {" \t\n", "it has blanks"},
		{"_", "it has underscores"}} {
		if why == "" && strings.ContainsAny(text, sign.chars) {
			why = sign.why
		}
	}
	id = strings.Map(func(c rune) rune {
		if strings.ContainsRune("-\u2010\u2011\u2013 \t\n_", c) {
			return -1
		}
		return c
	}, text)
	if why != "" && IsAccount(id) {
		return id, why, true
	}
	if len(text) > 30 {
		return "", "", false
	}
	if strings.Trim(text, "0123456789") == "" && (len(text) == 10 || len(text) == 11) {
		return strings.Repeat("0", 12-len(text)) + text, fmt.Sprintf("it has %d digits, and zeros before them may be lost",
			len(text)), true
	}
	// What a spreadsheet makes of it. An exponent is looked at before it is
	// worked out: 1e999999999 has many digits.
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok && len(exponent) > 3 {
		return "", "", false
	}
	if strings.Trim(text, "0123456789.eE+") != "" || !strings.ContainsAny(text, ".eE") {
		return "", "", false
	}
	if number, ok := new(big.Rat).SetString(text); ok && number.IsInt() && IsAccount(number.Num().String()) {
		return number.Num().String(), "it is written as a number with a point", true
	}
	return "", "", false
}

// Account reads an account id.
func (r *Reader) Account(n *yaml.Node, name string) string {
	if n.Kind == yaml.ScalarNode && !IsNull(n) && !IsText(n) && IsAccount(n.Value) {
		r.WrongType(n, name, "text") // and it is right in quotes
		return ""
	}
	id, ok := n.Value, n.Kind == yaml.ScalarNode && !IsNull(n)
	if !ok || IsText(n) {
		if id, ok = r.Text(n, name); !ok {
			return id
		}
	}
	if IsAccount(id) {
		return id
	}
	if right, why, ok := AccountSpelling(id); ok {
		r.ErrorAt(n, "write "+strconv.Quote(right), "%q is not an account id: "+why, id)
	} else {
		r.ErrorAt(n, accountHint, "%q is not an account id", id)
	}
	return id
}

// IsAccount reports whether a text is an account id.
func IsAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 12
}

// CIDRText reads the text of a CIDR: what YAML takes for a number is a CIDR that
// was cut short, and no better in quotes.
func (r *Reader) CIDRText(n *yaml.Node) (string, bool) {
	if n.Kind == yaml.ScalarNode && !IsText(n) && !IsNull(n) {
		return n.Value, true
	}
	return r.Text(n, "a CIDR")
}

// CIDRHint is the hint for what must be a CIDR.
const CIDRHint = "write an address and a prefix length, like 198.51.100.0/24 or 2001:db8::/32"

// ParseCIDR reads a CIDR as it must be written. If it can't, text is the nearest
// that could be meant, as a prefix that is not necessarily one to allow.
func ParseCIDR(text string) (p netip.Prefix, meant []netip.Prefix, ok bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, nil, true
	}
	plain := strings.Join(strings.Fields(text), "")
	plain = strings.NewReplacer("\u2044", "/", "\\", "/").Replace(plain)
	if list := items(text); len(list) > 1 && strings.Count(text, "/") == len(list) {
		for _, item := range list {
			p, err := netip.ParsePrefix(item)
			if err != nil {
				return netip.Prefix{}, nil, false
			}
			meant = append(meant, p)
		}
		return netip.Prefix{}, meant, false
	}
	one := func(p netip.Prefix, ok bool) (netip.Prefix, []netip.Prefix, bool) {
		if !ok {
			return netip.Prefix{}, nil, false
		}
		return netip.Prefix{}, []netip.Prefix{p}, false
	}
	address, length, found := strings.Cut(plain, "/")
	address, zeros := withoutZeros(address)
	if !zeros {
		return netip.Prefix{}, nil, false
	}
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, nil, false
	}
	if !found {
		return one(netip.PrefixFrom(a, a.BitLen()), true)
	}
	if mask, err := netip.ParseAddr(length); err == nil && mask.Is4() && a.Is4() {
		return one(maskLength(a, mask))
	}
	if length != "" && strings.Trim(length, "0123456789") == "" && len(length) < 5 {
		bits, _ := strconv.Atoi(length)
		return one(netip.PrefixFrom(a, bits), bits <= a.BitLen())
	}
	return netip.Prefix{}, nil, false
}

// withoutZeros takes leading zeros off the numbers of an IPv4 address; false if
// some programs would take one of them for octal, as another number.
func withoutZeros(address string) (string, bool) {
	if strings.Contains(address, ":") {
		return address, true
	}
	parts := strings.Split(address, ".")
	for i, part := range parts {
		short := strings.TrimLeft(part, "0")
		if short == part {
			continue
		}
		if short == "" {
			short = "0"
		}
		if len(short) > 1 && short != part && !strings.ContainsAny(short, "89") {
			return "", false
		}
		parts[i] = short
	}
	return strings.Join(parts, "."), true
}

// maskLength is the prefix of an address with a mask like 255.255.255.0.
func maskLength(a, mask netip.Addr) (netip.Prefix, bool) {
	b := mask.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	bits := 0
	for m&(1<<31) != 0 {
		bits++
		m <<= 1
	}
	return netip.PrefixFrom(a, bits), m == 0
}

// AccountItem is how a text with account ids is written as the items of a list;
// false if one of them can't be.
func AccountItem(text string) (string, bool) {
	if id, _, ok := AccountSpelling(text); ok {
		return strconv.Quote(id), true
	}
	return ItemsWith(text, func(item string) (string, bool) { return strconv.Quote(item), IsAccount(item) })
}

// ItemsWith is how a text is written as the items of a list, each as the function
// says; false if one of them can't be.
func ItemsWith(text string, item func(string) (string, bool)) (string, bool) {
	var out []string
	for _, part := range items(text) {
		value, ok := item(part)
		if !ok {
			return "", false
		}
		out = append(out, value)
	}
	return strings.Join(out, ", "), len(out) > 0
}
