//! What a client's frames mean, without any I/O: `Unidentified` takes one `hello` and becomes `Identified`, which takes the
//! rest. Everything a client may do wrong is decided here.

use postil::{
    ids::{CompanyId, ConversationId, UserId},
    limits,
    wire::{ClientFrame, CloseCode, Code},
};
use tokio::time::{Duration, Instant};

/// Why the connection ends: an `error` frame and a close code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: Code,
    pub close: CloseCode,
    pub detail: Option<String>,
}

impl Refusal {
    pub const fn new(code: Code, close: CloseCode) -> Self {
        Self { code, close, detail: None }
    }

    fn malformed(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(Code::MalformedFrame, CloseCode::Protocol) }
    }

    pub const TOO_LARGE: Self = Self::new(Code::FrameTooLarge, CloseCode::Protocol);
}

fn parse(text: &str) -> Result<ClientFrame, Refusal> {
    if text.len() > limits::FRAME_IN_BYTES_MAX {
        return Err(Refusal::TOO_LARGE);
    }
    serde_json::from_str(text)
        .map_err(|error| Refusal::malformed(error.to_string().chars().take(200).collect::<String>()))
}

/// A socket before its `hello`: who it belongs to is known, what it wants is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unidentified {
    /// The company that the session is in.
    pub company: CompanyId,
}

/// What a `hello` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub cursor: Option<String>,
    pub active: bool,
}

impl Unidentified {
    /// The first frame.
    pub fn hello(self, text: &str) -> Result<(Hello, Identified), Refusal> {
        match parse(text) {
            Ok(ClientFrame::Hello { company_id, .. }) if company_id != self.company => {
                // The tab still shows the former company: nothing of the present one may reach it.
                Err(Refusal::new(Code::CompanyContextChanged, CloseCode::CompanySwitched))
            }
            Ok(ClientFrame::Hello { cursor, active, .. }) => {
                Ok((Hello { cursor, active }, Identified { active, ..Identified::default() }))
            }
            Err(refusal) if refusal.code == Code::FrameTooLarge => Err(refusal),
            Ok(_) | Err(_) => Err(Refusal::new(Code::HelloExpected, CloseCode::Protocol)),
        }
    }
}

/// What a frame of an identified client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Whether the person is looking has changed.
    Activity(bool),
    /// The client only asks whether somebody is there.
    Ping,
    Watch(Vec<UserId>),
    Typing(ConversationId),
    Nothing,
}

/// A socket after its `hello`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identified {
    /// Whether the person is looking.
    active: bool,
    /// When the flood bucket would be empty again (generic cell rate algorithm).
    full: Option<Instant>,
    typing: Option<(ConversationId, Instant)>,
}

const FRAME_STEP: Duration = Duration::from_millis(1_000 / limits::SOCKET_FRAMES_PER_S as u64);
/// People on a list that weigh as much as a frame: the longest list weighs eleven.
const WATCHED_PER_FRAME: usize = limits::PRESENCE_USERS_MAX / 10;
const TYPING: Duration = Duration::from_millis(limits::TYPING_INTERVAL_MS);

impl Identified {
    /// The next frame.
    pub fn frame(&mut self, text: &str, now: Instant) -> Result<Act, Refusal> {
        // Counted before it is parsed: a flood of rubbish costs as little as possible.
        let full = self.full.map_or(now, |full| full.max(now)) + FRAME_STEP;
        if full.duration_since(now) > FRAME_STEP * limits::SOCKET_FRAMES_BURST {
            return Err(Refusal::new(Code::FrameFlood, CloseCode::TooMany));
        }
        self.full = Some(full);
        let frame = parse(text)?;
        if let ClientFrame::PresenceWatch { user_ids } = &frame {
            // Each watched person is looked up: a list weighs by its length, and takes effect on what follows.
            self.full = Some(full + FRAME_STEP * u32::try_from(user_ids.len() / WATCHED_PER_FRAME).unwrap_or(u32::MAX));
        }
        match frame {
            ClientFrame::Hello { .. } => Err(Refusal::malformed("hello comes once")),
            // What is known already costs no lease.
            ClientFrame::Activity { active } if active == self.active => Ok(Act::Ping),
            ClientFrame::Activity { active } => {
                self.active = active;
                Ok(Act::Activity(active))
            }
            ClientFrame::PresenceWatch { user_ids } if user_ids.len() > limits::PRESENCE_USERS_MAX => {
                Err(Refusal::malformed(format!("userIds has more than {} people", limits::PRESENCE_USERS_MAX)))
            }
            ClientFrame::PresenceWatch { mut user_ids } => {
                user_ids.sort_unstable();
                user_ids.dedup();
                Ok(Act::Watch(user_ids))
            }
            ClientFrame::Typing { conversation_id } => {
                let again = matches!(self.typing, Some((last, at)) if last == conversation_id && now < at + TYPING);
                if again {
                    return Ok(Act::Nothing);
                }
                self.typing = Some((conversation_id, now));
                Ok(Act::Typing(conversation_id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const COMPANY: CompanyId = CompanyId::from_uuid(Uuid::from_u128(1));

    fn hello(company: u128) -> String {
        let id = CompanyId::from_uuid(Uuid::from_u128(company));
        format!(r#"{{"type":"hello","companyId":"{id}","active":true}}"#)
    }

    #[test]
    fn only_a_hello_to_the_sessions_company_identifies() {
        let door = Unidentified { company: COMPANY };
        assert_eq!(door.hello(&hello(1)).unwrap().0, Hello { cursor: None, active: true });
        let refusal = door.hello(&hello(2)).unwrap_err();
        assert_eq!((refusal.code, refusal.close), (Code::CompanyContextChanged, CloseCode::CompanySwitched));
        for other in [r#"{"type":"activity","active":true}"#, "", "[]", r#"{"type":"hello"}"#] {
            assert_eq!(door.hello(other).unwrap_err().code, Code::HelloExpected, "{other}");
        }
        assert_eq!(door.hello(&" ".repeat(limits::FRAME_IN_BYTES_MAX + 1)).unwrap_err(), Refusal::TOO_LARGE);
    }

    #[test]
    fn rubbish_ends_the_connection_with_a_code() {
        let now = Instant::now();
        for text in
            ["", "null", r#"{"type":"shout"}"#, r#"{"type":"activity"}"#, r#"{"type":"activity","active":true,"x":1}"#]
        {
            let refusal = Identified::default().frame(text, now).unwrap_err();
            assert_eq!((refusal.code, refusal.close), (Code::MalformedFrame, CloseCode::Protocol), "{text}");
        }
        assert_eq!(Identified::default().frame(&hello(1), now).unwrap_err().code, Code::MalformedFrame);
        let many: Vec<String> =
            (0..=200u128).map(|n| format!("\"{}\"", UserId::from_uuid(Uuid::from_u128(n)))).collect();
        let watch = format!(r#"{{"type":"presence.watch","userIds":[{}]}}"#, many.join(","));
        assert!(watch.len() < limits::FRAME_IN_BYTES_MAX, "the biggest legal frame fits its bound");
        assert_eq!(Identified::default().frame(&watch, now).unwrap_err().code, Code::MalformedFrame);
    }

    #[test]
    fn a_flood_is_refused_and_a_person_is_not() {
        let (mut state, mut now) = (Identified::default(), Instant::now());
        let text = r#"{"type":"activity","active":true}"#;
        for _ in 0..limits::SOCKET_FRAMES_BURST {
            assert!(state.frame(text, now).is_ok());
        }
        assert_eq!(state.frame(text, now).unwrap_err(), Refusal::new(Code::FrameFlood, CloseCode::TooMany));
        for _ in 0..100 {
            now += Duration::from_millis(1_000 / u64::from(limits::SOCKET_FRAMES_PER_S));
            assert_eq!(state.frame(text, now), Ok(Act::Ping));
        }
    }

    #[test]
    fn long_lists_weigh_more_than_short_frames() {
        let many: Vec<String> =
            (0..200u128).map(|n| format!("\"{}\"", UserId::from_uuid(Uuid::from_u128(n)))).collect();
        let watch = format!(r#"{{"type":"presence.watch","userIds":[{}]}}"#, many.join(","));
        let (mut state, now) = (Identified::default(), Instant::now());
        let passed = (0..limits::SOCKET_FRAMES_BURST).take_while(|_| state.frame(&watch, now).is_ok()).count();
        assert_eq!(passed, 4, "eleven frames' worth each");
    }

    #[test]
    fn activity_that_is_known_already_only_asks_for_an_answer() {
        let (_, mut state) = Unidentified { company: COMPANY }.hello(&hello(1)).unwrap();
        let now = Instant::now();
        for (active, act) in [(true, Act::Ping), (false, Act::Activity(false)), (false, Act::Ping)] {
            let text = format!(r#"{{"type":"activity","active":{active}}}"#);
            assert_eq!(state.frame(&text, now), Ok(act));
        }
    }

    #[test]
    fn typing_is_told_once_in_its_interval() {
        let conversation = ConversationId::from_uuid(Uuid::from_u128(5));
        let text = format!(r#"{{"type":"typing","conversationId":"{conversation}"}}"#);
        let (mut state, now) = (Identified::default(), Instant::now());
        assert_eq!(state.frame(&text, now), Ok(Act::Typing(conversation)));
        assert_eq!(state.frame(&text, now + TYPING / 2), Ok(Act::Nothing));
        assert_eq!(state.frame(&text, now + TYPING), Ok(Act::Typing(conversation)));
    }
}
