//! Time and ids are parameters. Nothing in Postil asks the machine for them except the two sources behind these traits,
//! so that a test can say what time it is and which id comes next.

use core::fmt;
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use uuid::Uuid;

/// A moment in UTC with microseconds, as PostgreSQL stores it. RFC 3339 on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The moment that many seconds later (earlier when negative).
    #[must_use]
    pub const fn plus_s(self, seconds: i64) -> Self {
        Self(self.0 + seconds * 1_000_000)
    }

    /// Whole seconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub const fn since_s(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).div_euclid(1_000_000)
    }

    /// As the `time` crate's type; years beyond its range become the epoch.
    #[must_use]
    pub fn to_datetime(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// From the `time` crate's type, cut to microseconds.
    #[must_use]
    pub fn from_datetime(at: OffsetDateTime) -> Self {
        Self(i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(0))
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// When the text is no RFC 3339 date and time.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        read(text.as_bytes()).map(Self).ok_or(TimestampError)
    }
}

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a moment is written as in RFC 3339, such as 2026-11-23T10:00:00Z")]
pub struct TimestampError;

const DAY_S: i64 = 86_400;

// The `time` crate reads and writes RFC 3339 too, for 4 kB of the browser's bundle; tests hold these to it.

/// Reads RFC 3339 as microseconds since 1970.
fn read(mut rest: &[u8]) -> Option<i64> {
    let rest = &mut rest;
    let year = number(rest, 4)?;
    let month = number(after(rest, b"-")?, 2).filter(|month| (1..=12).contains(month))?;
    let day = number(after(rest, b"-")?, 2).filter(|day| (1..=31).contains(day))?;
    let days = days(year, month, day);
    // The thirtieth of February is a day in March.
    if date(days) != (year, month, day) {
        return None;
    }
    // Any character stands between date and time: the standard allows a blank "for the sake of readability".
    *rest = rest.get(1..)?;
    let hour = number(rest, 2).filter(|hour| *hour < 24)?;
    let minute = number(after(rest, b":")?, 2).filter(|minute| *minute < 60)?;
    let second = number(after(rest, b":")?, 2).filter(|second| *second <= 60)?;
    let mut micros = 0;
    if after(rest, b".").is_some() {
        let mut unit = 100_000;
        micros = number(rest, 1)? * unit;
        while let Some(digit) = number(rest, 1) {
            unit /= 10;
            micros += digit * unit;
        }
    }
    let (sign, left) = rest.split_first()?;
    *rest = left;
    let offset_s = match sign {
        b'Z' | b'z' => 0,
        b'+' | b'-' => {
            let hours = number(rest, 2).filter(|hours| *hours < 24)?;
            let minutes = number(after(rest, b":")?, 2).filter(|minutes| *minutes < 60)?;
            (hours * 60 + minutes) * if *sign == b'+' { 60 } else { -60 }
        }
        _ => return None,
    };
    if !rest.is_empty() {
        return None;
    }
    let mut seconds = days * DAY_S + (hour * 60 + minute) * 60 + second - offset_s;
    if second == 60 {
        // A leap second, with which a month ends: we have none, it is the microsecond before.
        if seconds % DAY_S != 0 || date(seconds / DAY_S).2 != 1 {
            return None;
        }
        seconds -= 1;
        micros = 999_999;
    }
    Some(seconds * 1_000_000 + micros)
}

/// Takes so many digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let number = rest
        .get(..digits)?
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))?;
    *rest = &rest[digits..];
    Some(number)
}

/// Takes what is written there if it is `wanted`.
fn after<'a, 'b>(rest: &'a mut &'b [u8], wanted: &[u8]) -> Option<&'a mut &'b [u8]> {
    *rest = rest.strip_prefix(wanted)?;
    Some(rest)
}

// Both count a year from March on: the leap day is its last, and months of 31 and 30 days alternate in fives of 153 days.

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// Year, month and day of the day that is so many after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (year, month, day) = date(seconds.div_euclid(DAY_S));
        // RFC 3339 has four digits for the year.
        if !(0..=9_999).contains(&year) {
            return fmt::Display::fmt(&Self(0), f);
        }
        let second = seconds.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros > 0 {
            let digits = format!(".{micros:06}");
            f.write_str(digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<'de, str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Says what time it is.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Makes ids and other unguessable values.
pub trait IdSource: Send + Sync + 'static {
    /// Fills `bytes` from a cryptographic source.
    fn fill(&self, bytes: &mut [u8]);

    /// A UUIDv7 for the moment `at`.
    fn uuid(&self, at: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.millis()).unwrap_or(0), &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    /// What the `time` crate reads there.
    fn theirs(text: &str) -> Option<Timestamp> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Timestamp::from_datetime)
    }

    #[test]
    fn a_moment_survives_the_wire() {
        let at = Timestamp::from_micros(1_795_427_123_456_789);
        assert_eq!(at.to_string(), "2026-11-23T09:45:23.456789Z");
        assert_eq!(Timestamp::parse(&at.to_string()).unwrap(), at);
        assert_eq!(Timestamp::parse("2026-11-23T10:45:23.456789+01:00").unwrap(), at);
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn dates_that_are_and_are_not() {
        for text in [
            "2024-02-29T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2000-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59.9999999-23:59",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60.25+01:00",
            "2016-12-31T22:59:60Z",
            "2016-12-30T23:59:60Z",
            "1968-12-31T23:59:60Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01 00:00:00z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T00:00:00Z ",
            "1969-12-31T23:59:59.0000001Z",
            "2026-01-01é00:00:00Z",
            "+2026-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(Timestamp::parse(text).ok(), theirs(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_written_as_the_time_crate_writes_it(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            for micros in [micros, micros - micros % 1_000, micros - micros % 1_000_000] {
                let at = Timestamp::from_micros(micros);
                prop_assert_eq!(at.to_string(), at.to_datetime().format(&Rfc3339).unwrap());
                prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            }
        }

        #[test]
        fn every_text_is_read_as_the_time_crate_reads_it(
            text in "[0-9]{4}-(0[0-9]|1[0-3])-[0-3][0-9][Tt ]([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,9})?(Z|z|[+-]([01][0-9]|2[0-4]):[0-6][0-9])?",
            at in 0usize..30, other in "[-+:.TZ0-9é ]?",
        ) {
            prop_assert_eq!(Timestamp::parse(&text).ok(), theirs(&text), "{}", text);
            let at = at.min(text.len() - 1);
            let damaged = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(Timestamp::parse(&damaged).ok(), theirs(&damaged), "{}", damaged);
        }
    }

    #[test]
    fn a_moment_that_has_no_such_text_is_the_epoch() {
        for micros in [i64::MIN, -62_167_219_200_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), "1970-01-01T00:00:00Z");
        }
    }
}
