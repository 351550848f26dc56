//! Raw SQL against wall 2, with the application role's connection in hand: what an attacker could do who got past all of
//! the Rust code. Each test is one thing that they may not get.

mod context;
mod leaks;
mod oracles;
mod pool;
mod privileges;
mod shadows;
mod threads;
mod writes;

use uuid::Uuid;

/// A raw INSERT of a message, every column of it the attacker's choice.
#[derive(Clone)]
pub struct Forged {
    pub company: Uuid,
    pub id: Uuid,
    pub conversation: Uuid,
    pub seq: i64,
    pub parent: Option<Uuid>,
    pub root: Uuid,
    pub path: Vec<i64>,
    pub depth: i32,
    pub author: Uuid,
    pub created_by: Uuid,
    pub link: Option<(String, String, &'static str)>,
}

impl Forged {
    /// A root that would be legal if `author` may write there.
    pub fn root(company: Uuid, conversation: Uuid, author: Uuid) -> Self {
        let id = crate::harness::fresh_id();
        // Far behind the end: no honest message is in the way.
        Self {
            company,
            id,
            conversation,
            seq: 1_000,
            parent: None,
            root: id,
            path: vec![1_000],
            depth: 0,
            author,
            created_by: author,
            link: None,
        }
    }

    /// A reply that would be legal below a root at position `seq`.
    pub fn reply(company: Uuid, conversation: Uuid, author: Uuid, parent: Uuid, seq: i64) -> Self {
        Self {
            parent: Some(parent),
            root: parent,
            path: vec![seq, 1_000],
            depth: 1,
            ..Self::root(company, conversation, author)
        }
    }

    /// The statement.
    pub fn sql(&self) -> String {
        let quoted = |id: &Uuid| format!("'{id}'");
        let parent = self.parent.as_ref().map_or("NULL".to_owned(), quoted);
        let (kind, id, source) = self
            .link
            .as_ref()
            .map_or(("NULL".to_owned(), "NULL".to_owned(), "NULL".to_owned()), |(kind, id, source)| {
                (format!("'{kind}'"), format!("'{id}'"), format!("'{source}'"))
            });
        format!(
            "INSERT INTO messages (company_id, id, conversation_id, seq, parent_id, root_id, path, depth, author_id, client_key, body, text_ast, preview,
                link_kind, link_id, link_source, version, created_at, created_by, updated_at)
             VALUES ('{}', '{}', '{}', {}, {parent}, '{}', ARRAY{:?}::bigint[], {}, '{}', 'k-{}', 'forged', '[]', 'forged', {kind}, {id}, {source}, 1, now(), '{}', now())",
            self.company, self.id, self.conversation, self.seq, self.root, self.path, self.depth, self.author, self.id, self.created_by
        )
    }
}
