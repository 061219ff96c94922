package relay

import (
	"math/rand/v2"
	"testing"

	"github.com/langnghe/langnghe/device/internal/outbox"
	"github.com/langnghe/langnghe/device/wire"
)

// Invariant 4: what is no authentic ack changes nothing but the quarantine's count.
func TestHostileFramesChangeNothing(t *testing.T) {
	g := newRig(t, slow)
	g.run()
	_, gone := g.add(1, false)
	s1 := g.next()
	s1.end <- nil
	g.ack(gone)
	g.until("the ack is applied", func() bool { return g.counts().Acked == 1 })
	id, tok := g.add(2, false)
	s2 := g.next()
	s2.end <- nil
	g.until("it awaits its ack", func() bool { return g.state(id) == outbox.Awaiting })

	g.restart(slow) // a replay is one even over a restart
	s3 := g.next()
	s3.end <- nil
	whole := wire.Ack{Tokens: []wire.Token{tok}}.Append(nil)
	hostile := [][]byte{
		nil, {0}, whole[:1], whole[:16], append(whole[:17:17], 0), make([]byte, 10_000), whole[1:],
		wire.Ack{Tokens: []wire.Token{{1}}}.Append(nil),                               // forged
		wire.Ack{Tokens: []wire.Token{gone}}.Append(nil),                              // replayed
		wire.Ack{Tokens: []wire.Token{gone, {2}, {3}}}.Append(nil),                    // both
		append([]byte{whole[0]}, func() []byte { h := tok.Hash(); return h[:] }()...), // the hash that lies on the card
		func() []byte { e, _ := sealed(2); return e.Envelope }(),
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		b := make([]byte, rnd.IntN(200))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		hostile = append(hostile, b)
	}
	for _, b := range hostile {
		must(t, g.relay.Deliver(t.Context(), b))
	}
	want := outbox.Counts{Waiting: 1, Acked: 1, Quarantined: len(hostile)}
	g.until("all are quarantined", func() bool { return g.counts() == want })
	if env, err := g.box.Envelope(t.Context(), id); err != nil || env.ID() != id {
		t.Fatalf("the envelope is harmed: %v", err)
	}
	g.ack(tok)
	want.Waiting, want.Acked = 0, 2
	g.until("the true ack is applied", func() bool { return g.counts() == want })
}

// Invariant 5: Deliver stores and answers even when nobody parses; what lies there at start goes the same way.
func TestDeliverStoresBeforeParsing(t *testing.T) {
	g := newRig(t, slow)
	_, tok := g.add(1, false)
	must(t, g.relay.Deliver(t.Context(), []byte("garbage")))
	g.ack(tok)
	_, err := g.box.StoreInbound(t.Context(), "an older program's", []byte{1}) // would take a frame's place for ever
	must(t, err)
	in, err := g.box.Inbound(t.Context())
	must(t, err)
	if len(in) != 3 || g.counts() != (outbox.Counts{Waiting: 1}) {
		t.Fatalf("stored %d frames, counts %+v", len(in), g.counts())
	}
	g.restart(slow)
	g.until("what was stored is applied", func() bool { return g.counts() == outbox.Counts{Acked: 1, Quarantined: 2} })
	g.until("the frames are dropped", func() bool {
		in, err = g.box.Inbound(t.Context())
		must(t, err)
		return len(in) == 0
	})
	must(t, g.box.Close())
	if err := g.relay.Deliver(t.Context(), []byte{1}); err == nil {
		t.Error("a frame that could not be stored was acknowledged")
	}
	g.box, err = outbox.Open(g.path)
	must(t, err)
}
