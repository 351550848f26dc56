#[derive(clap::Args)]
pub struct Options {}
pub fn build(_: &Options) -> anyhow::Result<()> { Ok(()) }
pub fn check() -> anyhow::Result<()> { Ok(()) }
