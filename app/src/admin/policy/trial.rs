//! What a dry run says: who would gain or lose what.

use postil::wire::{DryRun, DryRunChange, DryRunReach};

use crate::{
    admin::words,
    node::{Element, Node, div, el, span},
    parts::face,
    state::words::count,
};

fn many(n: u32, one: &str, many: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), one, many)
}

/// The answer. It may be of another text than the one that stands.
#[must_use]
pub fn trial(run: &DryRun, current: bool) -> Node {
    let title = match run.change_count {
        0 => "It changes nothing for anybody".to_owned(),
        n => format!("It makes {}", many(n, "change", "changes")),
    };
    let looked = format!(
        "Compared with version {}: {}, {} that you may see, and talk about no record.",
        run.base_version,
        many(run.member_count, "member", "members"),
        many(run.record_count, "linked record", "linked records"),
    );
    let warn = |text: &'static str| div("strip").child(el("p", "").child(text));
    div("trial")
        .attr("id", "trial")
        .attr("tabindex", "-1")
        .attr("role", "region")
        .label("What it would change")
        .test_id("trial")
        .child(el("h2", "admin-subtitle").child(title))
        .child(el("p", "admin-lead").child(looked))
        .child((!current).then(|| warn("That was another text, or against another version: try again before you save.")))
        .child(run.truncated.then(|| warn("There is more than could be looked at or listed.")))
        .child((!run.within_own_rights).then(|| warn("You can't save it: it grants something that you don't hold, or lifts a deny that is not yours to lift.")))
        .child((!run.changes.is_empty()).then(|| el("ul", "entries").children(run.changes.iter().map(change))))
        .into()
}

fn change(change: &DryRunChange) -> Node {
    let whom = div("entry-main")
        .child(
            span("entry-name")
                .child(span("truncate").child(change.person.name.clone()))
                .child(face::guest_tag(&change.person)),
        )
        .child(span("entry-sub").child(words::action(change.action)));
    let what = div("trial-what").child(reach("gains", "trial-gain", &change.gained)).child(reach(
        "loses",
        "trial-loss",
        &change.lost,
    ));
    el("li", "entry entry-trial").child(face::plain(&change.person, "large")).child(whom).child(what).into()
}

fn reach(verb: &'static str, class: &'static str, reach: &DryRunReach) -> Option<Element> {
    let mut parts = Vec::new();
    if reach.unlinked {
        parts.push("talk about no record".to_owned());
    }
    parts.extend(reach.records.iter().map(ToString::to_string));
    let listed = u32::try_from(reach.records.len()).unwrap_or(u32::MAX);
    if reach.record_count > listed {
        parts.push(format!("{} more", reach.record_count - listed));
    }
    (!parts.is_empty())
        .then(|| el("p", class).child(el("strong", "").child(verb)).child(format!(" {}", parts.join(", "))))
}
