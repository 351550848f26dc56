//! The widget: launcher and panel. The full page shows the same panel, wide.

pub mod composer;
pub mod dialog;
pub mod find;
pub mod keymap;
pub mod launcher;
pub mod list;
pub mod log;
pub mod message;
pub mod moderation;
pub mod panel;
pub mod picker;
pub mod reading;
pub mod switcher;
pub mod talk;
