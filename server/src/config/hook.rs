//! `POSTIL_HOOK_URL` and `POSTIL_HOOK_SECRET`: the access hook, for companies that require one. Which do is said by
//! `postil hook require`; without these settings, their members see nothing.

use postil::backend::hook::HookKey;

use super::{Reader, ServerSecret};
use crate::hook::HttpHook;

/// The hook, if there is one; what is wrong is complained about.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<HttpHook> {
    let (url, secret) = (reader.optional("POSTIL_HOOK_URL"), reader.optional("POSTIL_HOOK_SECRET"));
    let (url, secret) = match (url, secret) {
        (None, None) => return None,
        (Some(url), Some(secret)) => (url, secret),
        _ => {
            reader.complain("POSTIL_HOOK_URL and POSTIL_HOOK_SECRET go together: what a hook says must be signed");
            return None;
        }
    };
    let Some(key) = ServerSecret::parse(&secret) else {
        reader.complain(
            "POSTIL_HOOK_SECRET is not 64 hexadecimal digits of randomness: make one with `openssl rand -hex 32`",
        );
        return None;
    };
    let hook = HttpHook::new(&url, HookKey::new(key.bytes()));
    if hook.is_none() {
        reader.complain("POSTIL_HOOK_URL is a plain address such as http://127.0.0.1:8181/narrow");
    }
    hook
}
