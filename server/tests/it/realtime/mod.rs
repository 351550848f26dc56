//! The real server, over sockets: nothing lost, nothing twice, nothing seen that may not be.

mod bad_frames;
mod delivery;
mod endings;
mod outage;
mod presence;
mod slow;
