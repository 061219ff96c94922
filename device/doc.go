// Package device is the appliance without its screen: it takes reports from the touchscreen and from villagers' SMS,
// seals and stores them, and relays them until the gateway has answered for each. New and Run are the whole wiring;
// DESIGN.md beside this file has the guarantees, the invariants with their tests, and the crash table.
package device
