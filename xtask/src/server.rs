//! `script/server`: from a clone to a served page, and back to nothing running.
//!
//! A running server is known by its process id and start time in `.dev/server.json`; a process that merely has the
//! same id by now is left alone. Start reading at [`run`].

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::dev::{self, Services};
use crate::repo::{self, run as run_command, step};
use crate::wasm;

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Options {
    /// Where to listen, on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Serve in the background; returns when the server is ready
    #[arg(long)]
    detach: bool,
    /// Stop the server, PostgreSQL and Redis of this checkout
    #[arg(long)]
    stop: bool,
}

pub fn run(options: &Options) -> Result<()> {
    if options.stop {
        stop_server()?;
        return dev::down();
    }
    // Before the long part, and again by the server itself.
    ensure!(
        own_server_listens_on(options.port)? || TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).is_ok(),
        "port {} is taken by another program; choose a free one: ./script/server --port {}",
        options.port,
        options.port.saturating_add(1)
    );
    stop_server()?;
    let services = step("PostgreSQL and Redis under .dev/", || {
        let mut services = dev::up()?;
        services.server_port = options.port;
        services.save()?;
        services.write_env()?;
        Ok(services)
    })?;
    step("browser bundle", || wasm::build(wasm::Options::default()))?;
    if let Err(error) = wasm::check_budgets() {
        eprintln!("warning: {error:#}");
    }
    let postil = step("server: compile", || binary("postil"))?;
    let env = services.dev_env();
    prepare(&postil, &env)?;

    let url = format!("http://localhost:{}", options.port);
    let mut serve = serve_command(&postil, &env);
    if !options.detach {
        eprintln!("==> serving {url}/demo (Ctrl-C ends it; PostgreSQL and Redis stay up until ./script/server --stop)");
        Record::of(std::process::id())?.save()?;
        return Err(serve.exec()).context("can't start the server");
    }
    step("server: start", || {
        let log = repo::dev_dir().join("server.log");
        let file = File::create(&log)?;
        // A group of its own: Ctrl-C in this terminal is not meant for it.
        serve.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let mut child = serve.spawn().context("can't start the server")?;
        Record::of(child.id())?.save()?;
        wait_until_ready(&mut child, options.port).with_context(|| format!("see {}:\n{}", log.display(), tail(&log)))
    })?;
    println!("{url}/demo      two companies, their people, one click to be one of them");
    println!("{url}/messages  the full page");
    println!("log: .dev/server.log   environment: . .dev/env   stop: ./script/server --stop");
    Ok(())
}

/// Brings the database of `env` to the current schema and puts the demo companies into it.
pub fn prepare(postil: &Path, env: &[(&'static str, String)]) -> Result<()> {
    for (name, subcommand) in [("migrate", "migrate"), ("seed", "seed")] {
        step(name, || {
            run_command(Command::new(postil).arg(subcommand).envs(env.iter().cloned()).current_dir(repo::root()))
        })?;
    }
    Ok(())
}

/// `postil serve` as `env` says.
fn serve_command(postil: &Path, env: &[(&'static str, String)]) -> Command {
    let mut command = Command::new(postil);
    command.arg("serve").envs(env.iter().cloned());
    command.current_dir(repo::root());
    command
}

/// Compiles the host's crates as the tests do and returns the program `name`, under a name no other checkout replaces.
pub fn binary(name: &str) -> Result<PathBuf> {
    let mut command = repo::cargo();
    command.args(["build", "--bin", name, "--message-format=json-render-diagnostics"]).args(repo::HOST_CRATES);
    let built = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(built.status.success(), "{} failed ({})", repo::shown(&command), built.status);
    let executable = String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name && message["target"]["kind"][0] == "bin")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo named no program {name}"))?;
    let dir = repo::root().join("target/bin");
    fs::create_dir_all(&dir)?;
    let (place, fresh) = (dir.join(name), dir.join(format!("{name}.new{}", std::process::id())));
    // Nothing may be left under the temporary name: a copy onto a link to the same file would empty the file, and a
    // rename onto another link to it does nothing.
    let clear = || if fresh.exists() { fs::remove_file(&fresh) } else { Ok(()) };
    clear()?;
    fs::hard_link(&executable, &fresh).or_else(|_| fs::copy(&executable, &fresh).map(drop))?;
    fs::rename(&fresh, &place)?;
    clear()?;
    Ok(place)
}

/// Waits for a 200 from `/health/ready`.
pub fn wait_until_ready(child: &mut Child, port: u16) -> Result<()> {
    let start = Instant::now();
    while !is_ready(port) {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended ({status}) before it was ready");
        }
        ensure!(start.elapsed() < READY_TIMEOUT, "the server isn't ready after {} s", READY_TIMEOUT.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /health/ready HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(64).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Asks a child to end, and ends it when it doesn't.
pub fn stop_child(child: &mut Child) -> Result<()> {
    signal(child.id(), "TERM")?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > STOP_TIMEOUT {
            child.kill()?;
            child.wait()?;
            bail!("the server didn't end within {} s of SIGTERM", STOP_TIMEOUT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A process as only that process can be described.
#[derive(Serialize, Deserialize)]
struct Record {
    pid: u32,
    started_at_ticks: u64,
}

impl Record {
    fn path() -> PathBuf {
        repo::dev_dir().join("server.json")
    }

    fn of(pid: u32) -> Result<Self> {
        Ok(Self { pid, started_at_ticks: started_at_ticks(pid).context("the process is gone")? })
    }

    fn save(&self) -> Result<()> {
        repo::write_atomically(&Self::path(), &serde_json::to_vec(self)?, 0o600)
    }

    fn is_running(&self) -> bool {
        started_at_ticks(self.pid) == Some(self.started_at_ticks)
    }
}

/// Field 22 of /proc/<pid>/stat, counted after the name, which may hold spaces; `None` for no process or a zombie.
fn started_at_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if fields[0] == "Z" { None } else { fields.get(19)?.parse().ok() }
}

/// True when what occupies `port` is the server that an earlier run of this task started.
fn own_server_listens_on(port: u16) -> Result<bool> {
    let Some(services) = Services::load()? else { return Ok(false) };
    let record = fs::read(Record::path()).ok().and_then(|text| serde_json::from_slice::<Record>(&text).ok());
    Ok(services.server_port == port && record.is_some_and(|record| record.is_running()))
}

/// Stops the server that an earlier run of this task started, and no other process.
fn stop_server() -> Result<()> {
    let Ok(text) = fs::read(Record::path()) else { return Ok(()) };
    if let Ok(record) = serde_json::from_slice::<Record>(&text)
        && record.is_running()
    {
        eprintln!("==> stopping the running server (process {})", record.pid);
        signal(record.pid, "TERM")?;
        let start = Instant::now();
        while record.is_running() {
            if start.elapsed() > STOP_TIMEOUT {
                signal(record.pid, "KILL")?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fs::remove_file(Record::path())?;
    Ok(())
}

fn signal(pid: u32, name: &str) -> Result<()> {
    // It may end by itself in between.
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status()?;
    Ok(())
}

/// A server of its own for a test run: own database, own Redis, own port; gone when it is dropped.
pub struct TestServer {
    child: Child,
    redis: dev::Redis,
    pub env: Vec<(&'static str, String)>,
}

impl TestServer {
    pub fn start(services: &Services, postil: &Path, name: &str) -> Result<Self> {
        let database = format!("postil_{name}");
        services.drop_database(&database)?;
        services.create_database(&database)?;
        let redis = services.redis_at(&format!("redis-{name}"), dev::free_port(0, &format!("redis-{name}"))?);
        redis.start()?;
        let port = dev::free_port(0, name)?;
        let env = services.env(&database, redis.port, port);
        prepare(postil, &env)?;
        let log = repo::dev_dir().join(format!("{name}.log"));
        let file = File::create(&log)?;
        // Should this task be killed, the kernel ends the server too.
        let serve = serve_command(postil, &env);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(serve.get_program()).args(serve.get_args()).current_dir(repo::root());
        command.envs(serve.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut server = Self { child, redis, env };
        wait_until_ready(&mut server.child, port).with_context(|| format!("see {}:\n{}", log.display(), tail(&log)))?;
        Ok(server)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        for result in [stop_child(&mut self.child), self.redis.stop()] {
            if let Err(error) = result {
                eprintln!("warning: {error:#}");
            }
        }
    }
}
