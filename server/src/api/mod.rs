//! The operations of the REST API, one file per chapter. Handlers read the request, call the use case of the same name
//! and answer; what a use case decides is in `postil::backend::service`.

mod abuse;
mod admin;
mod audit;
mod conversations;
mod embedding;
mod messages;
mod moderation;
mod people;
mod records;
mod search;
mod session;

use http::Method;
use postil::wire::Code;

use crate::http::table::Route;

/// The table, in the order of the document.
pub(crate) fn table() -> Vec<Route> {
    [
        session::routes(),
        conversations::routes(),
        messages::routes(),
        search::routes(),
        records::routes(),
        people::routes(),
        admin::routes(),
        abuse::routes(),
        embedding::routes(),
        audit::routes(),
        moderation::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Refused although it is visible.
const FORBIDDEN: &[Code] = &[Code::Forbidden];

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;
