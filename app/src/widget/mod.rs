//! The widget: launcher and panel.

pub mod launcher;
