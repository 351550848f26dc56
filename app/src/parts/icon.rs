//! Icons: 16 × 16, one stroke. The mark is ours: a page with a note in its margin.

use postil::domain::RecordKind;

use crate::node::{Node, el};

pub const BACK: &str = "M10 3.5 5.5 8l4.5 4.5";
pub const SEARCH: &str = "M7 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8M10 10l3.500 3.500";
pub const CLOSE: &str = "M4 4l8 8M12 4l-8 8";
pub const MINIMISE: &str = "M3.5 6 8 10.5 12.5 6";
pub const PLUS: &str = "M8 3v10M3 8h10";
pub const COMPOSE: &str = "M8 2.8H4A1.5 1.5 0 0 0 2.5 4.3V12A1.5 1.5 0 0 0 4 13.5h7.700A1.5 1.5 0 0 0 13.2 12V8M12 2.500l1.500 1.500L8.200 9.300 6.200 9.800l.5-2z";
pub const SWITCH: &str = "M5 6.500 8 3.500l3 3M5 9.500l3 3 3-3";
pub const LOCK: &str = "M4.500 7.200V5.500a3.500 3.500 0 0 1 7 0v1.700M3.500 7.200h9v6h-9z";
pub const REPLY: &str = "M6.500 4 3 7.500 6.500 11M3.300 7.500H9.500a3.500 3.500 0 0 1 3.500 3.500v1.500";
pub const PENCIL: &str = "M11 2.800l2.200 2.200-7.500 7.500-2.900.7.700-2.900z";
pub const TRASH: &str = "M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.6 8.500h5.800l.6-8.500";
pub const UP: &str = "M8 13V3.500M4 7l4-4 4 4";
pub const DOWN: &str = "M8 3v9.500M4 9l4 4 4-4";
pub const FOLD: &str = "M4 6l4 4 4-4";
pub const UNFOLD: &str = "M6 4l4 4-4 4";
pub const DOTS: &str = "M3.500 8h.01M8 8h.01M12.500 8h.01";
pub const WARNING: &str = "M8 2.500 14 13H2zM8 6.500v3M8 11.400v.01";
pub const CLOCK: &str = "M8 2.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11M8 5v3l2 1.500";
pub const PEOPLE: &str = "M6 7.500a2.300 2.300 0 1 0 0-4.600 2.300 2.300 0 0 0 0 4.600M1.800 13c.2-2.400 1.800-3.700 4.200-3.700s4 1.300 4.200 3.700M10.500 3.200a2.200 2.200 0 0 1 0 4.100M12 9.700c1.300.5 2.100 1.600 2.200 3.300";
pub const SHIELD: &str =
    "M8 2.500l4.500 1.700v3.600c0 2.700-1.800 4.600-4.500 5.700-2.700-1.100-4.500-3-4.500-5.700V4.200z";
pub const FORMAT: &str = "M2.500 12.500 5.800 4h.4l3.300 8.500M3.600 9.800h4.800M11 12.500h3M12.500 8v4.500M11 8h3";
pub const BOLD: &str = "M5 3h3.600a2.400 2.400 0 0 1 0 4.800H5zM5 7.800h4.300a2.600 2.600 0 0 1 0 5.200H5z";
pub const ITALIC: &str = "M7 3h4.500M4.500 13H9M9.500 3l-3 10";
pub const STRIKE: &str = "M2.500 8h11M11 5c-.3-1.300-1.400-2-3-2-1.900 0-3 .9-3 2.300 0 .8.300 1.300.9 1.700M5 10.800c.2 1.400 1.300 2.200 3.100 2.200 1.900 0 3-.9 3-2.400 0-.4-.1-.8-.3-1.100";
pub const CODE: &str = "M5.500 4.500 2 8l3.500 3.500M10.500 4.500 14 8l-3.500 3.500";
pub const LINK: &str = "M7 9a2.500 2.500 0 0 0 3.700.2l2-2a2.500 2.500 0 0 0-3.500-3.500l-.9.9M9 7a2.500 2.500 0 0 0-3.700-.2l-2 2a2.500 2.500 0 0 0 3.500 3.500l.9-.9";
pub const BULLETS: &str = "M3 4h.01M3 8h.01M3 12h.01M6 4h7.500M6 8h7.500M6 12h7.500";
pub const NUMBERS: &str = "M2.500 3.200 3.500 2.500v3.500M2.500 10.500c.3-1.200 2-1 2 .1 0 .9-2 1.900-2 2.900h2M7 4h6.500M7 8h6.500M7 12h6.500";
pub const QUOTE: &str = "M3 3.500v9M6.500 4.500h7M6.500 8h7M6.500 11.500h4.500";
pub const OUT: &str = "M6.500 3H3.500v10h3M7 8h6.500M11 5.500 13.500 8 11 10.500";
const TRANSACTION: &str = "M3.500 2.500h9v11l-1.500-1-1.500 1-1.500-1-1.500 1-1.500-1-1.500 1zM6 6h4M6 9h4";
const PLAN: &str = "M2.500 3.500h11v10h-11zM2.500 6.500h11M5.500 2.200v2.500M10.500 2.200v2.500M5.500 9.500h5";
const TOPIC: &str = "M6 2.500 4.800 13.500M11.200 2.500 10 13.500M3 6h10.500M2.500 10H13";

/// An icon. It says nothing by itself: the control around it has a name.
#[must_use]
pub fn icon(path: &'static str) -> Node {
    el("svg", "icon")
        .attr("viewBox", "0 0 16 16")
        .attr("aria-hidden", "true")
        .child(el("path", "").attr("d", path))
        .into()
}

/// The icon of a kind of record.
#[must_use]
pub fn record(kind: RecordKind) -> Node {
    icon(match kind {
        RecordKind::Transaction => TRANSACTION,
        RecordKind::Plan => PLAN,
        RecordKind::Topic => TOPIC,
    })
}

/// The mark.
#[must_use]
pub fn mark() -> Node {
    let line = |d: &'static str| el("path", "").attr("d", d);
    let note = "M16 12.500h6.500A1.500 1.500 0 0 1 24 14v4.500a1.500 1.500 0 0 1-1.500 1.500H19l-3.200 2.800A.5.5 0 0 1 15 22.400V13.500a1 1 0 0 1 1-1z";
    el("svg", "mark")
        .attr("viewBox", "0 0 28 28")
        .attr("aria-hidden", "true")
        .child(line("M14.500 24H7.500A2.500 2.500 0 0 1 5 21.500v-15A2.500 2.500 0 0 1 7.500 4h9A2.500 2.500 0 0 1 19 6.500V8M9 9.500h5M9 14h2.500"))
        .child(line(note).attr("class", "note"))
        .into()
}
