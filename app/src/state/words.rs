//! Words for what happens: one place, so that they stay short and alike.

use postil::{
    domain::{PresenceStatus, RecordKind},
    feed::Failure,
    wire::{Code, Money},
};

/// `1 reply`, `4 replies`
#[must_use]
pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// A presence, as a word.
#[must_use]
pub const fn presence(status: PresenceStatus) -> &'static str {
    match status {
        PresenceStatus::Online => "online",
        PresenceStatus::Away => "away",
        PresenceStatus::Offline => "offline",
        PresenceStatus::Unknown => "presence unknown",
    }
}

/// A kind of record, as a word.
#[must_use]
pub const fn record(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Transaction => "transaction",
        RecordKind::Plan => "plan",
        RecordKind::Topic => "topic",
    }
}

/// What happened, in one sentence.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Network => "No connection".to_owned(),
        Failure::Problem(problem) => match problem.code {
            Code::NotFound => "This is not here, or not for you".to_owned(),
            Code::EditWindowClosed => "The time for editing this message is over".to_owned(),
            Code::RateLimited => "Too fast: wait a moment".to_owned(),
            // These say for how long, or how many would be right.
            Code::DuplicateMessage
            | Code::TooManyLinks
            | Code::LinkFlood
            | Code::TooManyMentions
            | Code::MentionFlood
            | Code::NewcomerLimit
            | Code::SlowMode => problem.detail.clone().unwrap_or_else(|| problem.title.clone()),
            _ => problem.title.clone(),
        },
    }
}

/// The id to give to support.
#[must_use]
pub fn correlation(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Network => None,
        Failure::Problem(problem) => Some(problem.correlation_id.to_string()),
    }
}

/// `€12,480.00`: currency, grouped digits, the decimals that the currency has.
#[must_use]
pub fn money(money: &Money) -> String {
    let decimals = match money.currency.as_str() {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "HUF" => 0,
        "KWD" | "BHD" | "TND" | "JOD" | "OMR" => 3,
        _ => 2,
    };
    let unit = 10_u64.pow(decimals);
    let minor = money.minor.unsigned_abs();
    let digits = (minor / unit).to_string();
    let mut text = String::with_capacity(24);
    if money.minor < 0 {
        text.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if decimals > 0 {
        let rest = (minor % unit).to_string();
        text.push('.');
        (rest.len()..decimals as usize).for_each(|_| text.push('0'));
        text.push_str(&rest);
    }
    text.push('\u{a0}');
    text.push_str(&money.currency);
    text
}

/// Up to two initials; the style makes capitals of them.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| !c.is_ascii_punctuation()));
    let first = words.next();
    first.into_iter().chain(words.next_back()).collect()
}

#[cfg(test)]
mod tests {
    use postil::wire::Problem;

    use super::*;

    #[test]
    fn whoever_must_wait_is_told_how_long() {
        let mut problem = Problem::new(Code::SlowMode, "cor_0198000000007000800000000000002a".parse().unwrap());
        problem.detail = Some("This conversation is in slow mode: again in 27 s".to_owned());
        let refused = Failure::Problem(problem);
        assert_eq!(failure(&refused), "This conversation is in slow mode: again in 27 s");
        assert!(!refused.is_passing(), "it waits with its text for the person, and does not knock again by itself");
    }

    #[test]
    fn money_is_grouped_and_has_its_currencys_decimals() {
        let of = |minor, currency: &str| money(&Money { minor, currency: currency.to_owned() });
        assert_eq!(of(1_248_005, "EUR"), "12,480.05\u{a0}EUR");
        assert_eq!(of(-99, "USD"), "−0.99\u{a0}USD");
        assert_eq!(of(1_000_000, "JPY"), "1,000,000\u{a0}JPY");
    }

    #[test]
    fn a_name_has_at_most_two_initials() {
        assert_eq!(initials("Anna Maria Keller"), "AK");
        assert_eq!(initials("öz"), "ö");
        assert_eq!(initials(""), "");
    }
}
