//! `sqlx::migrate!` notices when a migration changes, not when one is added: this does.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
