//! `cargo xtask fuzz-api`, which `script/fuzz-api` runs: schemathesis asks a server of its own everything that the OpenAPI
//! document allows, and much that it doesn't. No answer may be a 5xx or one that the document does not tell of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::dev;
use crate::repo::{self, output, run as run_command, step};
use crate::server::{self, TestServer};

const TOOL: &str = "schemathesis==4.32.5";
/// What an answer is held to. What is refused is the tests' business (`server/tests/it/rest`).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// The demo's accounts, from fixtures/seed.json.
const PERSON: &str = r#"{"email":"katrin.vogel@nordwerk.example","password":"postil-dev-password"}"#;
const API_KEY: &str = "pk_dev-only-nordwerk-erp-key-opens-nothing-001";
/// A little less than a person may ask, or most answers would be "too many".
const REQUESTS_PER_MINUTE: u32 = 1_100;

#[derive(clap::Args)]
pub struct Options {
    /// How long, for each of the two callers (a person with a session, an ERP with a key)
    #[arg(long, default_value_t = 90)]
    seconds: u32,
    /// The same requests again
    #[arg(long)]
    seed: Option<u64>,
    /// A `postil` that is built already
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Who asks, and what they leave alone.
struct Caller {
    name: &'static str,
    headers: Vec<String>,
    leaves: &'static [&'static str],
}

pub fn run(options: &Options) -> Result<()> {
    let tool = install()?;
    let services = dev::up()?;
    let postil = options.binary.clone().map_or_else(|| server::binary("postil"), Ok)?;
    let server = TestServer::start(&services, &postil, "fuzz")?;
    let url = server.env.iter().find(|(name, _)| *name == "POSTIL_URL").map(|(_, url)| url.clone());
    let url = url.context("the server has no address")?;
    let callers = [
        Caller {
            name: "a person",
            headers: vec![format!("Cookie:{}", sign_in(&url)?), format!("Origin:{url}"), "X-Postil-Csrf:1".to_owned()],
            // These end the session that everything else needs.
            leaves: &["sign_out", "switch_company"],
        },
        Caller { name: "an ERP", headers: vec![format!("Authorization:Bearer {API_KEY}")], leaves: &["sign_in"] },
    ];
    let mut bad = Vec::new();
    for caller in &callers {
        if step(caller.name, || ask(&tool, &url, caller, options)).is_err() {
            bad.push(caller.name);
        }
    }
    ensure!(bad.is_empty(), "answers that should not be, to {}; the server's log is .dev/fuzz.log", bad.join(" and "));
    Ok(())
}

fn ask(tool: &Path, url: &str, caller: &Caller, options: &Options) -> Result<()> {
    let mut command = Command::new(tool);
    command.args(["run", &format!("{url}/api/v1/openapi.json"), "--no-color", "--warnings", "off"]);
    command.args(["--checks", CHECKS, "--continue-on-failure", "--phases", "examples,coverage,fuzzing"]);
    command.args(["--max-time", &options.seconds.to_string(), "--rate-limit", &format!("{REQUESTS_PER_MINUTE}/m")]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    for header in &caller.headers {
        command.args(["--header", header]);
    }
    for operation in caller.leaves {
        command.args(["--exclude-operation-id", operation]);
    }
    run_command(command.current_dir(repo::dev_dir()).env("PYTHONWARNINGS", "ignore"))
}

/// The session cookie, as a header has it.
fn sign_in(url: &str) -> Result<String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--dump-header", "-", "--output", "/dev/null"]);
    curl.args(["--header", "Content-Type: application/json", "--data", PERSON, &format!("{url}/api/v1/session")]);
    let headers = output(&mut curl)?;
    let cookie = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().trim().to_owned())
    });
    cookie.context("signing in set no cookie")
}

/// schemathesis, in an environment of its own under .dev/.
fn install() -> Result<PathBuf> {
    let dir = repo::dev_dir().join("schemathesis");
    let (tool, mark) = (dir.join("bin/schemathesis"), dir.join(".installed"));
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == TOOL) {
        return Ok(tool);
    }
    step("schemathesis", || {
        run_command(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir).stdin(Stdio::null()))?;
        run_command(Command::new(dir.join("bin/pip")).args(["install", "--quiet", TOOL]))?;
        Ok(fs::write(&mark, TOOL)?)
    })?;
    Ok(tool)
}
