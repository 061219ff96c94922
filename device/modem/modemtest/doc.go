// Package modemtest emulates a GSM network for tests, benches and the demo:
// SIMs that sit in AT modems on real pseudo-terminals, villagers' phones, and
// between them a service centre (SMSC) that stores and forwards.
//
// It is an independent witness. It shares no code with device/modem or
// device/modem/pdu: the few TPDU fields that a network reads are read here a
// second time, and phones use the codecs of warthog618/sms directly. A codec
// that is wrong in the same way on both sides would prove nothing.
//
// The network keeps the truth: for every segment what was really submitted,
// whether the submitter was told so, and how often it was really delivered
// (Network.Truth). A test compares that with what the system believes.
//
// By default everything happens at once: no radio time, no delays, faults off.
package modemtest
