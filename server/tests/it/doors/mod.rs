//! The SQL functions of the hot paths, called as the application role: what each answers, and what it leaves in the database.

mod changes;
mod conversations;
mod records;
mod send;
mod unread;
