//! The yardstick: PostgreSQL alone, called by `pgbench` with the same function and the same text, in the same run.

use core::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use postil::backend::markdown;
use tokio::process::Command;

use crate::world::World;

/// Sends per second that `clients` connections reach in `seconds`.
pub async fn sends_per_second(app_url: &str, world: &World, clients: usize, seconds: u32) -> Result<f64> {
    let clients = clients.clamp(1, 8);
    let body = "load 1000000 and a few words more, as people write them";
    let parsed = markdown::parse(body);
    let (ast, preview) = (serde_json::to_string(&parsed)?, parsed.preview());
    let list = |ids: Vec<String>| format!("(ARRAY['{}']::uuid[])[:room]", ids.join("','"));
    let users = list(world.rooms.iter().map(|room| world.people[room.people[0]].user.uuid().to_string()).collect());
    let rooms = list(world.rooms.iter().map(|room| room.conversation.uuid().to_string()).collect());
    let companies = list(world.rooms.iter().map(|room| world.companies[room.company].uuid().to_string()).collect());
    let mut script = format!("\\set room random(1, {})\n", world.rooms.len());
    writeln!(
        script,
        "SELECT outcome FROM app.message_send({users}, {companies}, gen_random_uuid()::text, sha256(gen_random_uuid()::text::bytea), \
         gen_random_uuid(), {rooms}, NULL, NULL, NULL, '{body}', '{ast}'::jsonb, '{preview}', '{{}}', clock_timestamp());"
    )?;
    let path = std::env::temp_dir().join(format!("postil-pgbench-{}.sql", std::process::id()));
    tokio::fs::write(&path, script).await?;
    let output = Command::new("pgbench")
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=1",
            &format!("--client={clients}"),
            &format!("--time={seconds}"),
        ])
        .arg("--file")
        .arg(&path)
        .arg(app_url)
        .output()
        .await
        .context("pgbench can't be started")?;
    tokio::fs::remove_file(&path).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
    let line = said.lines().find(|line| line.starts_with("tps = ")).context("pgbench tells no rate")?;
    line.split_whitespace().nth(2).and_then(|tps| tps.parse().ok()).context("pgbench's rate is no number")
}
