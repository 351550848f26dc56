//! What a person may not do with messages that each are allowed: send one text everywhere, flood links or mentions, write fast as a
//! newcomer, or write fast where a moderator asked for slowness.
//!
//! Counted in one step with all or none taken, in Redis like every rate (in process without it). An honest retry (the same
//! key and request, or the same edit) costs nothing; what was counted and then not stored is given back; of an edit only what it
//! adds is counted. An ERP's key is no person: its notices are alike by nature, and only its rate is limited.

use super::{ServiceError, Services};
use crate::{
    backend::{
        bus::{Bucket, Class, Draw, Quota, Rate, Receipt},
        caller::{Caller, Credentials},
        store::SendTerms,
    },
    clock::Timestamp,
    domain::text::Document,
    ids::ConversationId,
    limits,
    wire::{Code, CompanySettings, Message},
};

/// A text that somebody wants to send.
pub(super) struct Content<'a> {
    /// Where, where there is a slow mode to heed.
    pub slow: Option<ConversationId>,
    /// Markdown.
    pub body: &'a str,
    /// The same, parsed.
    pub text: &'a Document,
    /// The message whose text it is put in the place of.
    pub before: Option<&'a Message>,
    /// Names this one intent.
    pub receipt: Receipt,
}

/// What was taken for something that is about to be stored.
#[derive(Debug, Default)]
#[must_use = "what is not stored is given back"]
pub(super) struct Paid {
    draws: Vec<Draw>,
    receipt: Option<Receipt>,
}

/// What of `after` is not in `before`, each as often as it stands there.
fn added<T: PartialEq>(mut before: Vec<T>, after: Vec<T>) -> u32 {
    let mut new = |one: &T| match before.iter().position(|known| known == one) {
        Some(place) => {
            before.swap_remove(place);
            false
        }
        None => true,
    };
    u32::try_from(after.iter().filter(|one| new(one)).count()).unwrap_or(u32::MAX)
}

/// What makes two texts the same: letters and digits, in lower case. Spaces, signs and characters that nobody sees are what a
/// copy is varied by. `None` where there are so few that people say it all day.
fn essence(body: &str) -> Option<String> {
    let essence: String = body.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    (essence.chars().count() >= limits::DUPLICATE_CHARS_MIN).then_some(essence)
}

/// Whether the membership is new. Whoever came within the company's own first hours came with it: there everybody is new.
fn is_new(terms: &SendTerms, now: Timestamp) -> bool {
    let new_s = i64::from(terms.settings.newcomer_hours) * 3_600;
    now < terms.joined_at.plus_s(new_s) && terms.joined_at >= terms.founded_at.plus_s(new_s)
}

/// How much of each there is for one person.
struct Share {
    links_at_once: u32,
    links: Quota,
    mentions_at_once: u32,
    mentions: Quota,
    newcomer: Option<Quota>,
}

impl Share {
    fn of(settings: &CompanySettings, is_new: bool) -> Self {
        let percent = if is_new { settings.newcomer_percent } else { 100 };
        let (links, mentions) = (
            Quota::within(settings.links_per_minute, 60).percent(percent),
            Quota::within(settings.mentions_per_minute, 60).percent(percent),
        );
        Self {
            // More than there ever is at once would never pass, whatever the company allows to others.
            links_at_once: settings.links_per_message.min(links.burst),
            mentions_at_once: settings.mentions_per_message.min(mentions.burst),
            links,
            mentions,
            newcomer: is_new.then(|| Class::Send.own().percent(percent)),
        }
    }
}

impl Services {
    /// Counts a text that is about to be sent or put in an earlier one's place. Whoever counts gives back what comes to nothing.
    ///
    /// # Errors
    /// [`Code::DuplicateMessage`], [`Code::TooManyLinks`], [`Code::LinkFlood`], [`Code::TooManyMentions`],
    /// [`Code::MentionFlood`], [`Code::NewcomerLimit`], [`Code::SlowMode`].
    pub(super) async fn count_content(
        &self,
        who: &Credentials,
        caller: &Caller,
        terms: &SendTerms,
        content: &Content<'_>,
    ) -> Result<Paid, ServiceError> {
        if caller.session().is_none() {
            return Ok(Paid::default());
        }
        let share = Share::of(&terms.settings, is_new(terms, self.now()));
        let before = content.before;
        let all = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (all_links, all_mentions) = (content.text.links(), content.text.mentions());
        let (links_now, mentions_now) = (all(all_links.len()), all(all_mentions.len()));
        let links = added(before.map(|before| before.text.links()).unwrap_or_default(), all_links);
        let mentions = added(before.map(|before| before.text.mentions()).unwrap_or_default(), all_mentions);
        for (code, new, are, most) in [
            (Code::TooManyLinks, links, links_now, share.links_at_once),
            (Code::TooManyMentions, mentions, mentions_now, share.mentions_at_once),
        ] {
            // What stood there may stand: else nobody could mend a slip in what was allowed when it was written.
            if new > 0 && are > most {
                let detail = format!("{}: {are}, allowed are {most}", code.title());
                return Err(ServiceError::detail(code, detail));
            }
        }
        let person = format!("{}:{}", caller.company(), caller.user());
        let mut draws = Vec::new();
        if let Some(essence) = essence(content.body)
            && before.and_then(|before| self::essence(&before.body)).is_none_or(|known| known != essence)
        {
            let window = u64::from(terms.settings.duplicate_window_s);
            let quota = Quota::within(terms.settings.duplicates_max, window);
            // Under other figures it is another bucket: what a company relaxes is not held to what it was, for up to a day.
            let whom = format!("{person}:{}:{window}:{essence}", quota.burst);
            draws.push(Draw::of(Bucket::Duplicate, &whom, quota, 1));
        }
        if links > 0 {
            draws.push(Draw::of(Bucket::Links, &person, share.links, links));
        }
        if mentions > 0 {
            draws.push(Draw::of(Bucket::Mentions, &person, share.mentions, mentions));
        }
        if let Some(quota) = share.newcomer {
            draws.push(Draw::of(Bucket::Newcomer, &person, quota, 1));
        }
        if let Some(conversation) = content.slow.filter(|_| terms.slow_mode_s > 0) {
            let quota = Quota::within(1, terms.slow_mode_s.into());
            let whom = format!("{person}:{conversation}:{}", terms.slow_mode_s);
            draws.push(Draw::of(Bucket::SlowMode, &whom, quota, 1));
        }
        if draws.is_empty() {
            return Ok(Paid::default());
        }
        match self.bus().take_all(&draws, Some(content.receipt)).await {
            // It was paid for before: there is nothing of this request's to give back.
            Rate::Pass(standings) if standings.is_empty() => Ok(Paid::default()),
            Rate::Pass(_) => Ok(Paid { draws, receipt: Some(content.receipt) }),
            Rate::Closed => Err(ServiceError::code(Code::Unavailable)),
            Rate::Wait(standing) => {
                who.toll.tell(standing);
                let code = match standing.bucket {
                    Bucket::Duplicate => Code::DuplicateMessage,
                    Bucket::Links => Code::LinkFlood,
                    Bucket::Mentions => Code::MentionFlood,
                    Bucket::Newcomer => Code::NewcomerLimit,
                    Bucket::SlowMode => Code::SlowMode,
                    _ => Code::RateLimited,
                };
                Err(ServiceError::again_in(code, standing.after.as_secs() + 1))
            }
        }
    }

    /// Gives back what was taken for something that was certainly not stored.
    pub(super) async fn not_stored(&self, paid: Paid) {
        if !paid.draws.is_empty() {
            self.bus().give_back(&paid.draws, paid.receipt).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::markdown;

    #[test]
    fn copies_are_told_by_letters_and_digits_and_short_words_are_none() {
        let text = "Please check invoice 4711 before noon!";
        for copy in ["please  CHECK invoice 4711, before noon", "Please check\u{200b} *invoice* 4711 — before noon!!!"]
        {
            assert_eq!(essence(copy), essence(text), "{copy}");
        }
        assert_ne!(essence("Please check invoice 4712 before noon!"), essence(text));
        for short in ["ok", "Thanks!", "Danke dir, passt so", "+1", "Thank you very much!"] {
            assert_eq!(essence(short), None, "{short}");
        }
    }

    #[test]
    fn links_are_what_can_be_followed() {
        let count = |body: &str| markdown::parse(body).links().len();
        assert_eq!(count("see [here](https://a.example) and **[there](https://b.example)**"), 2);
        assert_eq!(count("https://a.example https://b.example http://c.example"), 3);
        assert_eq!(count("- [a](https://a.example)\n- > [b](https://b.example)"), 2);
        assert_eq!(count("no link, `https://a.example` neither"), 0);
    }

    #[test]
    fn an_edit_adds_what_was_not_there() {
        assert_eq!(added(vec!["a", "b"], vec!["b", "a"]), 0);
        assert_eq!(added(vec!["a"], vec!["a", "a"]), 1, "one more of the same is one more");
        assert_eq!(added(vec!["a", "b"], vec!["c", "d"]), 2, "others in their place are others");
        assert_eq!(added(Vec::new(), vec!["a"]), 1);
    }

    #[test]
    fn who_joins_a_standing_company_is_new_for_a_while() {
        let at = |hours: i64| Timestamp::from_millis(1_700_000_000_000).plus_s(hours * 3_600);
        let settings = CompanySettings::default();
        let terms =
            |joined| SendTerms { slow_mode_s: 0, joined_at: at(joined), founded_at: at(0), settings: settings.clone() };
        assert!(is_new(&terms(100), at(101)));
        assert!(!is_new(&terms(100), at(125)), "not for ever");
        assert!(!is_new(&terms(1), at(2)), "they came with the company");
        let share = Share::of(&settings, true);
        assert_eq!(
            (share.links.burst, share.links_at_once, share.newcomer.map(|quota| quota.burst)),
            (15, 15, Some(7))
        );
        assert!(Share::of(&settings, false).newcomer.is_none());
    }
}
