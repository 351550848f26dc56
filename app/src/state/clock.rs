//! Times as people read them.
//!
//! The server does not know the reader's time zone: it writes UTC, and so does the browser while it hydrates. Right
//! after that the clock turns local, and everything that shows a time follows.

use postil::clock::Timestamp;

/// What time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Now, to the minute.
    pub now: Timestamp,
    /// Whether times are shown in the browser's zone.
    pub local: bool,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const DAY_S: i64 = 86_400;

impl Clock {
    /// Seconds since 1970 of the reader's wall clock.
    fn wall(self, at: Timestamp) -> i64 {
        let offset_min = if self.local { crate::net::dom::utc_offset_min(at) } else { 0 };
        at.millis() / 1_000 + offset_min * 60
    }

    /// The reader's day, counted from 1970.
    #[must_use]
    pub fn day(self, at: Timestamp) -> i64 {
        self.wall(at).div_euclid(DAY_S)
    }

    /// `14:05`
    #[must_use]
    pub fn time(self, at: Timestamp) -> String {
        let s = self.wall(at).rem_euclid(DAY_S);
        format!("{:02}:{:02}", s / 3_600, s / 60 % 60)
    }

    /// `Today`, `Yesterday`, `Monday`, `3 Nov`, `3 Nov 2024`
    #[must_use]
    pub fn date(self, at: Timestamp) -> String {
        let (day, today) = (self.day(at), self.day(self.now));
        match today - day {
            0 => "Today".to_owned(),
            1 => "Yesterday".to_owned(),
            2..=6 => DAYS[usize::try_from(day.rem_euclid(7)).unwrap_or(0)].to_owned(),
            _ => {
                let (year, month, of_month) = civil(day);
                let text = format!("{of_month} {}", MONTHS[month - 1]);
                if year == civil(today).0 { text } else { format!("{text} {year}") }
            }
        }
    }

    /// `14:05` today, else the date: for lists.
    #[must_use]
    pub fn short(self, at: Timestamp) -> String {
        if self.day(at) == self.day(self.now) { self.time(at) } else { self.date(at) }
    }

    /// `Monday 14:05`: what a time's title says.
    #[must_use]
    pub fn long(self, at: Timestamp) -> String {
        format!("{}, {}{}", self.date(at), self.time(at), if self.local { "" } else { " UTC" })
    }

    /// `today, 14:05`: likewise, amid a sentence.
    #[must_use]
    pub fn amid(self, at: Timestamp) -> String {
        let text = self.long(at);
        let lower = |day: &str| text.strip_prefix(day).map(|rest| format!("{}{rest}", day.to_ascii_lowercase()));
        lower("Today").or_else(|| lower("Yesterday")).unwrap_or(text)
    }

    /// `now`, `5 min ago`, `2 h ago`, else the date.
    #[must_use]
    pub fn ago(self, at: Timestamp) -> String {
        match self.now.since_s(at) {
            ..60 => "just now".to_owned(),
            s @ 60..3_600 => format!("{} min ago", s / 60),
            s @ 3_600..86_400 => format!("{} h ago", s / 3_600),
            _ => self.date(at),
        }
    }
}

/// Year, month and day of a day counted from 1970 (Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, usize, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names_that_people_use() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let clock = Clock { now: at("2026-11-23T10:00:00Z"), local: false };
        assert_eq!(clock.short(at("2026-11-23T09:05:00Z")), "09:05");
        assert_eq!(clock.short(at("2026-11-22T23:59:00Z")), "Yesterday");
        assert_eq!(clock.short(at("2026-11-20T12:00:00Z")), "Friday");
        assert_eq!(clock.short(at("2026-02-28T12:00:00Z")), "28 Feb");
        assert_eq!(clock.short(at("2024-02-29T12:00:00Z")), "29 Feb 2024");
        assert_eq!(clock.amid(at("2026-11-23T09:05:00Z")), "today, 09:05 UTC");
        assert_eq!(clock.amid(at("2026-11-20T12:00:00Z")), "Friday, 12:00 UTC");
        assert_eq!(clock.ago(at("2026-11-23T07:30:00Z")), "2 h ago");
    }
}
