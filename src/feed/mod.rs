//! The client's state as a pure reducer.
