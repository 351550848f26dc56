//! The hub and the socket without a network and with a clock that stands still. The same on real parts:
//! `server/tests/it`.

mod fake;
mod rights;
mod stream;
mod wire;
