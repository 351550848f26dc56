//! How a handler's signature tells what the operation takes and answers.
//!
//! Each extractor and each answer describes its part ([`Describe`]); [`Documented`] puts the parts of a handler
//! together. So the OpenAPI document is read off the code that runs, and can't say anything else.

use std::future::Future;

use postil::wire::Code;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::Refusal;

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Anybody.
    Anonymous,
    /// Whoever has a session; the services decide what it may do.
    Session,
    /// An ERP with an API key.
    ApiKey,
}

/// What is known about an operation.
pub struct Operation<'g> {
    /// Where schemas are collected.
    pub schemas: &'g mut SchemaGenerator,
    /// Who may call it.
    pub auth: Auth,
    /// Whether it takes place in a company, which the client may state.
    pub company: bool,
    /// Whether it needs an idempotency key.
    pub needs_key: bool,
    /// OpenAPI parameters in path and query.
    pub parameters: Vec<Value>,
    /// Schema of the request body.
    pub request: Option<Value>,
    /// Status of success.
    pub success: u16,
    /// Whether 200 with the same answer means that it was there already.
    pub or_found: bool,
    /// Schema of the answer.
    pub response: Option<Value>,
    /// What it can be refused for.
    pub problems: Vec<Code>,
}

impl<'g> Operation<'g> {
    /// An operation about which nothing is known but what can befall any.
    pub fn new(schemas: &'g mut SchemaGenerator) -> Self {
        Self {
            schemas,
            auth: Auth::Anonymous,
            company: false,
            needs_key: false,
            parameters: Vec::new(),
            request: None,
            success: 200,
            or_found: false,
            response: None,
            problems: vec![Code::RateLimited, Code::Internal, Code::Unavailable],
        }
    }

    /// It can be refused for these, too.
    pub fn can_fail(&mut self, codes: &[Code]) {
        for code in codes {
            if !self.problems.contains(code) {
                self.problems.push(*code);
            }
        }
    }

    /// The schema of `T`, by reference where it has a name.
    pub fn schema<T: JsonSchema>(&mut self) -> Value {
        self.schemas.subschema_for::<T>().to_value()
    }

    /// A parameter in the path.
    pub fn path_parameter<T: JsonSchema>(&mut self, name: &str, description: &str) {
        let schema = self.schema::<T>();
        self.parameters.push(
            json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }),
        );
    }
}

/// A part of a handler's signature.
pub trait Describe {
    /// Adds what this part means.
    fn describe(operation: &mut Operation<'_>);
}

impl<T: Describe> Describe for Result<T, Refusal> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl Describe for axum::extract::State<crate::state::App> {
    fn describe(_: &mut Operation<'_>) {}
}

/// A handler whose whole signature describes itself. `Parts` are its arguments.
pub trait Documented<Parts> {
    /// Adds what the handler takes and answers.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! documented {
    ($($part:ident),*) => {
        impl<F, Fut, R, $($part),*> Documented<($($part,)*)> for F
        where
            F: Fn($($part),*) -> Fut,
            Fut: Future<Output = R>,
            R: Describe,
            $($part: Describe),*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($part::describe(operation);)*
                R::describe(operation);
            }
        }
    };
}

documented!(A);
documented!(A, B);
documented!(A, B, C);
documented!(A, B, C, D);
documented!(A, B, C, D, E);
