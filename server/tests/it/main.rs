//! Postil against real parts: PostgreSQL as the application role, Redis, HTTP and sockets. One binary, so that it is
//! linked once. Every test has a database of its own, cloned from a template (see [`harness::house`]).
//!
//! Needs the environment that `cargo xtask dev up` leaves in `.dev/env`; `./script/test` sees to it.
//! Start reading at [`harness`], then [`attacks`].

mod attacks;
mod audit;
mod catalogue;
mod doors;
mod harness;
mod hook;
mod moderation;
mod realtime;
mod rest;
mod sign_in;
mod verdicts;
