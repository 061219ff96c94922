package tomlfile

import (
	"errors"
	"strings"
	"testing"
	"time"
)

type span struct{ d time.Duration }

func (s *span) UnmarshalText(b []byte) (err error) {
	if s.d, err = time.ParseDuration(string(b)); err != nil {
		return errors.New(`want a duration such as "90s"`)
	}
	return nil
}

type settings struct {
	Net struct {
		Port  int      `toml:"port"`
		Host  string   `toml:"host"`
		Code  uint32   `toml:"code"`
		On    bool     `toml:"on"`
		Hosts []string `toml:"hosts"`
		Wait  span     `toml:"wait"`
	} `toml:"net"`
	Other struct {
		Port int `toml:"port"`
	} `toml:"other"`
	Hidden string `toml:"-"`
}

func TestWhatIsWrongIsSaidInItsOwnLine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"number in quotes", "[net]\n\nport = \"8883\"\n", `a.toml line 3: key "net.port": want a number without quotes`},
		{"number as text", "[net]\nhost = 5\n", `a.toml line 2: key "net.host": want text in quotes`},
		{"text as a switch", "[net]\non = \"yes\"\n", `line 2: key "net.on": want true or false, without quotes`},
		{"text as a list", "[net]\nhosts = \"a\"\n", `line 2: key "net.hosts": want a list in brackets, such as ["a", "b"]`},
		{"numbers in a list", "[net]\nhosts = [\n \"a\",\n 1]\n", `line 2: key "net.hosts": want a list`},
		{"negative", "[net]\ncode = -1\n", `line 2: key "net.code": want a number without quotes, 0 or more`},
		{"too large", "[net]\ncode = 4294967296\n", `key "net.code": want a number`},
		{"a fraction", "[net]\nport = 1.5\n", `key "net.port": want a number without quotes`},
		{"duration without unit", "[net]\nwait = \"10\"\n", `line 2: key "net.wait": want a duration such as "90s"`},
		{"duration as number", "[net]\nwait = 10\n", `line 2: key "net.wait": want a duration such as "90s"`},
		{"value for a table", "net = 1\n", `line 1: key "net": want a table, begun by a line [net]`},
		{"table for a value", "[other]\n[net.port]\nx = 1\n", `line 2: key "net.port": want a number`},
		{"tables for a table", "[[net]]\nport = 1\n", `key "net": want a table`},
		{"misspelt", "[net]\nport = 1\nhots = \"x\"\n", `line 3: unknown key "net.hots": correct its spelling or remove it`},
		{"other case", "[net]\nPort = 1\n", `line 2: unknown key "net.Port"`},
		{"unknown table", "[net]\n\n[nett]\nport = 1\n", `line 3: unknown key "nett"`},
		{"same name, other table", "[net]\nhost = \"\"\n[other]\nhost = \"\"\n", `line 4: unknown key "other.host"`},
		{"dotted table", "[net]\n\n[net . extra]\nx = 1\n", `line 3: unknown key "net.extra"`},
		{"quoted table", "[other]\n[\"net\".'extra']\nx = 1\n", `line 2: unknown key "net.extra"`},
		{"dotted key in a table", "[other]\n[net]\nlog.level = 1\n", `line 3: unknown key "net.log.level"`},
		{"key in words", "[net]\nhost = \"\"\"\nlistne = 1\n\"\"\"\n# listne = 2\nlistne = 3\n", `line 6: unknown key "net.listne"`},
		{"value of several lines", "[net]\nports = [\n1,\n]\n", `line 2: unknown key "net.ports"`},
		{"a key with a dot", "[net]\n\"a.b\" = 1\n", `line 2: unknown key`},
		{"a field that is in no file", "Hidden = \"x\"\n", `line 1: unknown key "Hidden"`},
		{"twice", "[net]\nport = 1\nhost = \"\"\nport = 2\n", `a.toml line 4: key 'net.port' has already been defined: correct it and start again`},
		{"table without end", "[net\nport = 1\n", `a.toml line 1: expected '.' or ']' to end table name`},
		{"no value", "[net]\nport = 1\nhost =\n[other]\n", `line 3: expected value`},
		{"no equals sign", "[net]\nport = 1\nhost \"x\"\n", `line 3: expected '.' or '='`},
		{"words without quotes", "[net]\nport = 1\nhost = gw\n", `line 3: expected value but found "gw" instead`},
		{"quotes without end", "[net]\nhost = \"gw\nport = 1\n", `line 2: strings cannot contain newlines`},
		{"line ends of Windows", "[net]\r\nport = 1\r\nhost =\r\n", `line 3: expected value`},
		{"end of the file", "[net]\nport =", `line 2: unexpected EOF`},
		{"no text", "\x00\xff", `a.toml`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s settings
			err := Decode("a.toml", []byte(c.text), &s)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), ".:") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			// The key before a fault of form has nothing to do with it.
			if c.name == "no equals sign" && strings.Contains(err.Error(), "net.port") {
				t.Errorf("it names the key before: %v", err)
			}
		})
	}
}

func TestRightValuesAreRead(t *testing.T) {
	var s settings
	s.Other.Port = 7
	text := "[net]\nport = 0x10\nhost = 'h'\ncode = 26734\non = true\nhosts = []\nwait = \"90s\"\n"
	if err := Decode("a.toml", []byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if s.Net.Port != 16 || s.Net.Host != "h" || s.Net.Code != 26734 || !s.Net.On || s.Net.Wait.d != 90*time.Second || s.Other.Port != 7 {
		t.Errorf("got %+v", s)
	}
}

func TestValueOutOfRangeIsSaidInItsLine(t *testing.T) {
	bad := Bad("net.port", "give a port")
	if got := At("a.toml", []byte("[net]\n\nport = 0\n"), bad).Error(); got != `a.toml line 3: key "net.port": give a port` {
		t.Errorf("got %s", got)
	}
	if got := At("a.toml", nil, bad).Error(); got != `a.toml: key "net.port": give a port` {
		t.Errorf("a key that is absent: %s", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("[net]\nport = 1\n"))
	f.Add([]byte("[[net]]\na.b = {c = [1, {d = 2}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 {
			return // finding a line takes the square of the lines, and a configuration has a hundred
		}
		var s settings
		if err := Decode("a.toml", text, &s); err != nil && !strings.HasPrefix(err.Error(), "a.toml") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
