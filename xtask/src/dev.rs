//! A private PostgreSQL 15 and Redis 7 for this checkout, under `.dev/`.
//!
//! Own data, own free ports on 127.0.0.1, own random passwords; never the system's cluster, and nothing is left behind
//! when `.dev/` is deleted after `dev down`. As root the servers run as the users `postgres` and `redis`, because
//! PostgreSQL refuses root; where those can't reach the checkout (a clone below `/root`), the data lies in
//! `/var/tmp/postil-…` instead. Start reading at [`up`].

use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::repo::{self, output, run};

/// Below the range that Linux hands out to outgoing connections, so that a chosen port stays free between two starts.
const PORT_RANGE: std::ops::Range<u16> = 15_400..19_400;
/// The development server's.
const DATABASE: &str = "postil";
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// PostgreSQL has several hundred connections to give: every integration test opens its own small pool.
const PG_SETTINGS: &str = "\
# Written by `cargo xtask dev up`; changes are overwritten.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
cluster_name = 'postil-dev'
max_connections = 300
shared_buffers = 256MB
work_mem = 8MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = lz4
jit = off
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_lock_waits = on
log_min_duration_statement = 1s
track_io_timing = on
";

/// Where the data is thrown away anyway, a crash of the machine may take it along.
const PG_SETTINGS_CI: &str = "\
fsync = off
synchronous_commit = off
full_page_writes = off
";

/// What a checkout remembers about its services, in `.dev/state.json` (readable by its owner alone).
#[derive(Clone, Serialize, Deserialize)]
pub struct Services {
    /// Where the data directories lie: `.dev`, or a directory the service users can reach.
    base: PathBuf,
    pub pg_port: u16,
    pub redis_port: u16,
    superuser_password: String,
    migrator_password: String,
    app_password: String,
    worker_password: String,
    redis_password: String,
    secret: String,
    /// The port of the last `script/server`.
    pub server_port: u16,
}

impl Services {
    fn new() -> Result<Self> {
        Ok(Self {
            base: PathBuf::new(),
            pg_port: 0,
            redis_port: 0,
            superuser_password: repo::random_hex(16)?,
            migrator_password: repo::random_hex(16)?,
            app_password: repo::random_hex(16)?,
            worker_password: repo::random_hex(16)?,
            redis_password: repo::random_hex(16)?,
            secret: repo::random_hex(32)?,
            server_port: 3000,
        })
    }

    fn path() -> PathBuf {
        repo::dev_dir().join("state.json")
    }

    /// What the last `dev up` left, if there was one.
    pub fn load() -> Result<Option<Self>> {
        match fs::read(Self::path()) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes)
                    .context(".dev/state.json can't be read; delete .dev/ to start afresh")?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("can't read .dev/state.json"),
        }
    }

    pub fn save(&self) -> Result<()> {
        repo::write_atomically(&Self::path(), &serde_json::to_vec_pretty(self)?, 0o600)
    }

    /// The environment of the server: database `database`, Redis at `redis_port`, served at `port`.
    pub fn env(&self, database: &str, redis_port: u16, port: u16) -> Vec<(&'static str, String)> {
        let url =
            |user: &str, password: &str| format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.pg_port);
        vec![
            ("POSTIL_URL", format!("http://localhost:{port}")),
            ("POSTIL_LISTEN", format!("127.0.0.1:{port}")),
            ("DATABASE_URL", url("postil_migrator", &self.migrator_password)),
            ("APP_DATABASE_URL", url("postil_app", &self.app_password)),
            ("WORKER_DATABASE_URL", url("postil_worker", &self.worker_password)),
            ("REDIS_URL", format!("redis://default:{}@127.0.0.1:{redis_port}", self.redis_password)),
            ("POSTIL_SECRET", self.secret.clone()),
            ("POSTIL_SITE", repo::site_dir().display().to_string()),
            // Browser tests and the load generator are many people behind one address.
            ("POSTIL_LIMIT_FACTOR", "20".to_owned()),
            ("POSTIL_DEMO", "1".to_owned()),
            ("CHROMIUM", chromium()),
        ]
    }

    /// [`Self::env`] of the development server.
    pub fn dev_env(&self) -> Vec<(&'static str, String)> {
        self.env(DATABASE, self.redis_port, self.server_port)
    }

    /// Writes `.dev/env`, to be sourced by people and tools.
    pub fn write_env(&self) -> Result<()> {
        let mut text =
            String::from("# Written by `cargo xtask dev up`. Development only: these secrets open nothing else.\n");
        for (name, value) in self.dev_env() {
            text.extend(["export ", name, "='", &value, "'\n"]);
        }
        repo::write_atomically(&repo::dev_dir().join("env"), text.as_bytes(), 0o600)
    }

    fn pg_data(&self) -> PathBuf {
        self.base.join("pg")
    }

    /// psql as the superuser of the private cluster, reading its script from standard input.
    fn psql(&self, script: &str) -> Result<()> {
        let mut child = Command::new(pg_bin("psql")?)
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--host=127.0.0.1",
                "--username=postgres",
                "--dbname=postgres",
            ])
            .arg(format!("--port={}", self.pg_port))
            .env("PGPASSWORD", &self.superuser_password)
            .env("PGAPPNAME", "postil-dev-up")
            .env("PGOPTIONS", "--client-min-messages=warning")
            .current_dir(repo::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("can't start psql")?;
        child.stdin.take().expect("stdin is piped").write_all(script.as_bytes())?;
        let status = child.wait()?;
        ensure!(status.success(), "psql failed ({status})");
        Ok(())
    }

    /// Creates or narrows the roles, and sets their passwords.
    fn create_roles(&self) -> Result<()> {
        self.psql(&format!(
            "\\set dev 1\n\\set migrator_password '{}'\n\\set app_password '{}'\n\\set worker_password '{}'\n\\i script/sql/roles.sql\n",
            self.migrator_password, self.app_password, self.worker_password
        ))
    }

    /// Creates `database` with Postil's owner and privileges, if it isn't there.
    pub fn create_database(&self, database: &str) -> Result<()> {
        self.psql(&format!("\\set database '{database}'\n\\i script/sql/database.sql\n"))
    }

    /// Drops `database`, throwing out whoever is connected.
    pub fn drop_database(&self, database: &str) -> Result<()> {
        self.psql(&format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE);\n"))
    }

    /// Drops every database whose name is LIKE `pattern`.
    pub fn drop_databases(&self, pattern: &str) -> Result<()> {
        self.psql(&format!(
            "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname LIKE '{pattern}' \\gexec\n"
        ))
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = as_user("postgres", &pg_bin("pg_ctl")?);
        command.arg("-D").arg(self.pg_data()).args(arguments);
        Ok(command)
    }

    pub fn are_running(&self) -> bool {
        self.pg_running() && self.redis_running()
    }

    fn pg_running(&self) -> bool {
        self.pg_data().join("PG_VERSION").exists()
            && self.pg_ctl(&["status"]).is_ok_and(|mut command| output(&mut command).is_ok())
    }

    fn start_postgres(&mut self) -> Result<()> {
        let data = self.pg_data();
        if !data.join("PG_VERSION").exists() {
            self.init_cluster(&data)?;
        }
        let settings = data.join("postil.conf");
        let volatile = if repo::is_ci() { PG_SETTINGS_CI } else { "" };
        fs::write(&settings, format!("{PG_SETTINGS}{volatile}"))?;
        fs::set_permissions(&settings, Permissions::from_mode(0o644))?;
        if self.pg_running() {
            return Ok(());
        }
        self.pg_port = free_port(self.pg_port, "pg")?;
        // The server's own messages go to the log, pg_ctl's too: nothing may keep this process' pipes open.
        let log = self.base.join("pg.log");
        let port = format!("-p {}", self.pg_port);
        let mut start = self.pg_ctl(&["-s", "-w", "-o", &port, "start", "-l"])?;
        start.arg(&log).stdout(Stdio::null()).stderr(Stdio::null());
        touch_for("postgres", &log)?;
        run(&mut start).with_context(|| format!("PostgreSQL didn't start: see {}", log.display()))
    }

    /// initdb beside the final place and then a rename, so that an interrupted one is never taken for a cluster.
    fn init_cluster(&self, data: &Path) -> Result<()> {
        let fresh = self.base.join("pg.new");
        let _ = fs::remove_dir_all(&fresh);
        dir_for("postgres", &fresh)?;
        let password = self.base.join("pg.pw");
        touch_for("postgres", &password)?;
        fs::write(&password, &self.superuser_password)?;
        let mut initdb = as_user("postgres", &pg_bin("initdb")?);
        initdb
            .args([
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(&fresh);
        let result = output(&mut initdb);
        fs::remove_file(&password)?;
        result?;
        let mut config = File::options().append(true).open(fresh.join("postgresql.conf"))?;
        config.write_all(b"\ninclude_if_exists = 'postil.conf'\n")?;
        fs::rename(&fresh, data).context("can't move the new cluster into place")
    }

    /// Whoever deleted `.dev/` to start afresh also meant data outside of it, which nobody has the passwords of.
    fn clear_leftovers(&self) -> Result<()> {
        if self.pg_running() {
            run(self.pg_ctl(&["-s", "-w", "-m", "immediate", "stop"])?.stdout(Stdio::null()))?;
        }
        for name in ["pg", "redis"] {
            let dir = self.base.join(name);
            let pid = fs::read_to_string(dir.join("redis.pid")).unwrap_or_default();
            // Its directory is the proof that this process is the one that wrote the file.
            if fs::read_link(format!("/proc/{}/cwd", pid.trim())).is_ok_and(|cwd| cwd == dir) {
                run(Command::new("kill").arg(pid.trim()))?;
            }
            if dir.exists() {
                fs::remove_dir_all(&dir)?;
            }
        }
        Ok(())
    }

    fn start_redis(&mut self) -> Result<()> {
        if self.redis_running() {
            return Ok(());
        }
        self.redis_port = free_port(self.redis_port, "redis")?;
        let port = self.redis_port;
        self.redis_at("redis", port).start()
    }

    fn redis_running(&self) -> bool {
        self.redis_port != 0 && self.redis_at("redis", self.redis_port).answers()
    }

    /// A Redis of this checkout under its own name; only `redis` is remembered, others are stopped by who started them.
    pub fn redis_at(&self, name: &str, port: u16) -> Redis {
        Redis { dir: self.base.join(name), port, password: self.redis_password.clone() }
    }
}

/// One private Redis: nothing is kept on disk, because nothing in Redis is the truth.
pub struct Redis {
    dir: PathBuf,
    pub port: u16,
    password: String,
}

impl Redis {
    pub fn start(&self) -> Result<()> {
        dir_for("redis", &self.dir)?;
        let config = self.dir.join("redis.conf");
        touch_for("redis", &config)?;
        fs::write(
            &config,
            format!(
                "bind 127.0.0.1\nport {}\ndaemonize yes\nsave \"\"\nappendonly no\nrequirepass {}\ndir {dir}\npidfile {dir}/redis.pid\n\
                 logfile {dir}/redis.log\nmaxmemory 256mb\nmaxmemory-policy noeviction\ndatabases 64\n",
                self.port,
                self.password,
                dir = self.dir.display()
            ),
        )?;
        run(as_user("redis", Path::new("redis-server")).arg(&config).stdout(Stdio::null()))?;
        let start = Instant::now();
        while !self.answers() {
            ensure!(start.elapsed() < START_TIMEOUT, "Redis didn't start: see {}/redis.log", self.dir.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// True when a Redis with our password listens there: another one on the same port would refuse it.
    pub fn answers(&self) -> bool {
        self.command("PING").is_ok_and(|answer| answer.contains("+PONG"))
    }

    pub fn stop(&self) -> Result<()> {
        if !self.answers() {
            return Ok(());
        }
        // It closes the connection instead of answering.
        let _ = self.command("SHUTDOWN NOSAVE");
        let start = Instant::now();
        while self.answers() {
            ensure!(start.elapsed() < START_TIMEOUT, "Redis on port {} doesn't stop", self.port);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn command(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(format!("AUTH {}\r\n{command}\r\nQUIT\r\n", self.password).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// Starts what isn't running and writes `.dev/env`. Doing it again changes nothing.
pub fn up() -> Result<Services> {
    let _lock = lock()?;
    let mut services = Services::load()?.map_or_else(Services::new, Ok)?;
    if !services.base.is_dir() {
        services.base = service_base()?;
        services.clear_leftovers()?;
    }
    services.save()?;
    services.start_postgres()?;
    services.start_redis()?;
    services.save()?;
    services.create_roles()?;
    services.create_database(DATABASE)?;
    services.write_env()?;
    Ok(services)
}

/// Stops both; the data stays.
pub fn down() -> Result<()> {
    let Some(services) = Services::load()? else { return Ok(()) };
    let _lock = lock()?;
    if services.pg_running() {
        run(services.pg_ctl(&["-s", "-w", "-m", "fast", "stop"])?.stdout(Stdio::null()))?;
    }
    services.redis_at("redis", services.redis_port).stop()
}

/// Throws away what is in the development database, for instance after a migration that isn't released has changed.
pub fn reset() -> Result<()> {
    let services = up()?;
    services.drop_database(DATABASE)?;
    services.create_database(DATABASE)
}

/// Stops both and deletes their data, wherever it lies.
pub fn discard() -> Result<()> {
    down()?;
    let Some(services) = Services::load()? else { return Ok(()) };
    for name in ["pg", "redis", "redis-e2e", "redis-smoke"] {
        let _ = fs::remove_dir_all(services.base.join(name));
    }
    fs::remove_file(Services::path())?;
    if services.base != repo::dev_dir() {
        fs::remove_dir_all(&services.base)?;
    }
    Ok(())
}

/// Prints what runs where.
pub fn status() -> Result<()> {
    let Some(services) = Services::load()? else { bail!("nothing was set up yet: `cargo xtask dev up`") };
    let (pg, redis) = (services.pg_running(), services.redis_running());
    let word = |running| if running { "running" } else { "stopped" };
    println!("PostgreSQL  {}  port {}  {}", word(pg), services.pg_port, services.pg_data().display());
    println!("Redis       {}  port {}  {}", word(redis), services.redis_port, services.base.join("redis").display());
    ensure!(pg && redis, "`cargo xtask dev up` starts what is stopped");
    Ok(())
}

/// One set-up at a time per checkout; the lock ends with the process at the latest.
fn lock() -> Result<File> {
    let dir = repo::dev_dir();
    fs::create_dir_all(&dir)?;
    // The service users walk through; the files inside say for themselves who may read them.
    fs::set_permissions(&dir, Permissions::from_mode(0o711))?;
    let file = File::create(dir.join("lock"))?;
    file.lock().context("can't lock .dev/lock")?;
    Ok(file)
}

/// Where the data directories go: `.dev/` if the service users can get there.
fn service_base() -> Result<PathBuf> {
    let dev = repo::dev_dir();
    if !is_root() {
        return Ok(dev);
    }
    let probe = dev.join("probe");
    dir_for("postgres", &probe)?;
    let reachable =
        as_user("postgres", Path::new("test")).arg("-w").arg(&probe).stderr(Stdio::null()).status()?.success();
    fs::remove_dir(&probe)?;
    if reachable {
        return Ok(dev);
    }
    let base =
        Path::new("/var/tmp").join(format!("postil-{}", &repo::sha256_hex(dev.as_os_str().as_encoded_bytes())[..12]));
    // Anyone may create names in /var/tmp: one that is there already must be ours, and a directory.
    if let Err(error) = fs::create_dir(&base) {
        let found = fs::symlink_metadata(&base).with_context(|| format!("can't create {}: {error}", base.display()))?;
        ensure!(found.is_dir() && found.uid() == 0, "{} belongs to somebody else", base.display());
    }
    fs::set_permissions(&base, Permissions::from_mode(0o711))?;
    Ok(base)
}

/// `program`, run as the service user `user` when this is root, as ourselves otherwise.
fn as_user(user: &str, program: &Path) -> Command {
    let mut command;
    if is_root() {
        command = Command::new("setpriv");
        command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--init-groups").arg(program);
    } else {
        command = Command::new(program);
    }
    // The service must not hold on to a directory it can't read.
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn ids(user: &str) -> Result<(u32, u32)> {
    let id = |flag| -> Result<u32> { Ok(output(Command::new("id").args([flag, user]))?.trim().parse()?) };
    Ok((id("-u")?, id("-g")?))
}

fn give_to(user: &str, path: &Path) -> Result<()> {
    if is_root() {
        let (uid, gid) = ids(user)?;
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// A directory that `user` alone may enter.
fn dir_for(user: &str, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    give_to(user, dir)
}

/// A file that `user` alone may read and write.
fn touch_for(user: &str, file: &Path) -> Result<()> {
    File::options().create(true).append(true).open(file)?;
    fs::set_permissions(file, Permissions::from_mode(0o600))?;
    give_to(user, file)
}

/// `wanted` if it is free; else the first free one from a place that differs from checkout to checkout.
pub fn free_port(wanted: u16, name: &str) -> Result<u16> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    if wanted != 0 && free(wanted) {
        return Ok(wanted);
    }
    let seed = repo::sha256_hex(format!("{}{name}", repo::root().display()).as_bytes());
    let length = PORT_RANGE.end - PORT_RANGE.start;
    let offset = u16::from_str_radix(&seed[..4], 16)? % length;
    (0..length)
        .map(|step| PORT_RANGE.start + (offset + step) % length)
        .find(|port| free(*port))
        .context("no free port on 127.0.0.1")
}

fn pg_bin(name: &str) -> Result<PathBuf> {
    let debian = Path::new("/usr/lib/postgresql/15/bin").join(name);
    if debian.exists() {
        return Ok(debian);
    }
    let dir = output(Command::new("pg_config").arg("--bindir")).context("PostgreSQL 15 isn't installed")?;
    Ok(Path::new(dir.trim()).join(name))
}

/// The browser of the end-to-end tests; empty when there is none, and Playwright then says so.
fn chromium() -> String {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or_default()
        .to_owned()
}
