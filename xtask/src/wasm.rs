//! The browser bundle: from the crate `frontend`, `style/` and `public/` to `target/site`.
//!
//! cargo → wasm-bindgen (as a library, so that its version can't drift from the crate's) → wasm-opt → names with a
//! content hash → brotli. The server needs `target/site` and nothing else:
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | logical name → path: `{"postil.js": "/pkg/postil.1f….js", "embed.js": "/embed.js", …}` |
//! | `pkg/postil.<hash>.{js,wasm,css}` | the widget and `/messages`; may be cached for ever |
//! | `pkg/admin.<hash>.{js,wasm,css}` | the administration pages, which the widget must not pay for |
//! | `embed.js` and what else lies at the top of `public/` | stable names, short cache |
//! | `<dir>/<name>.<hash>.<ext>` | what lies in a folder of `public/`; may be cached for ever |
//! | `*.br` | the same, compressed once and well |
//! | `hash.txt` | the hashes as cargo-leptos writes them |
//!
//! Nothing is done when no input has changed. Start reading at [`build`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::css;
use crate::repo::{self, output, run, step};

pub const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";
/// The toolchain that `script/bootstrap` links to Debian's compiler where rustup has no WASM target to offer.
const DEBIAN: &str = "debian";

/// The bundles: the name that they travel by, and the target of the package `frontend` that they are made of.
const BUNDLES: [(&str, &str); 2] = [("postil", "frontend"), ("admin", "admin")];

/// What may travel, in bytes after brotli: (what it is, the logical names it is made of, the bound).
const BUDGETS: [(&str, &[&str], usize); 3] = [
    ("WASM", &["postil.wasm"], 200_000),
    ("WASM of the administration pages", &["admin.wasm"], 250_000),
    // The collapsed widget also needs its page; the end-to-end tests measure the whole transfer.
    ("collapsed widget: scripts and style sheet", &["embed.js", "postil.css", "js/boot.js"], 12_000),
];

/// Named one by one: with `--all-features` binaryen writes compact imports, which Chromium refuses.
///
/// Once more, because what the first round makes equal the second can share. The lowest kilobyte is the end of a stack of one
/// megabyte, which nothing reaches without overflowing it (Rust links the stack first): so an address may be an offset.
///
/// Without inlining: what the compiler left as a call, a copy would make larger after brotli, although smaller before it.
const WASM_OPT: [&str; 12] = [
    "-Oz",
    "-Oz",
    "--flexible-inline-max-function-size=0",
    "--always-inline-max-function-size=0",
    "--one-caller-inline-max-function-size=0",
    "--low-memory-unused",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-mutable-globals",
];

/// Everything a bundle is made from, relative to the root. `src/backend` is the server's alone.
const INPUTS: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "app",
    "frontend",
    "style",
    "public",
    "xtask/src",
    "xtask/Cargo.toml",
    "end2end/package-lock.json",
];
const NOT_INPUTS: [&str; 1] = ["src/backend"];

#[derive(clap::Args, Clone, Copy, Default)]
pub struct Options {
    /// Quick and large: the dev profile, no wasm-opt, weak compression, no budgets
    #[arg(long)]
    dev: bool,
}

/// `cargo xtask wasm`: builds, and holds the result to its budgets.
pub fn run_task(options: Options) -> Result<()> {
    build(options)?;
    if options.dev { Ok(()) } else { check_budgets() }
}

/// Builds what has changed.
pub fn build(options: Options) -> Result<()> {
    let site = repo::site_dir();
    fs::create_dir_all(repo::root().join("target"))?;
    // One build at a time per checkout; whoever waited usually finds the work done. The lock ends with the process.
    let lock = fs::File::create(site.with_extension("lock"))?;
    lock.lock().context("can't lock target/site.lock")?;
    let inputs = inputs_hash(options)?;
    if fs::read_to_string(site.join(".inputs")).is_ok_and(|built| built == inputs) {
        eprintln!("browser bundle: nothing changed");
        return Ok(());
    }
    let raw = step("browser bundle: compile", || compile(options))?;
    let bound = step("browser bundle: bindings and wasm-opt", || {
        BUNDLES.iter().zip(&raw).map(|((name, _), raw)| bindings(name, raw, options)).collect::<Result<Vec<_>>>()
    })?;

    let mut bundle = Site::new(&site, options)?;
    step("browser bundle: names and compression", || {
        bundle.copy_public(&repo::root().join("public"))?;
        for ((name, _), (js, wasm, snippets)) in BUNDLES.iter().zip(&bound) {
            let wasm_path = bundle.add_hashed(&format!("{name}.wasm"), "pkg", wasm)?;
            let wasm_name = wasm_path.rsplit('/').next().expect("a path has a last part");
            let js = js.replace(&format!("{name}_bg.wasm"), wasm_name);
            bundle.add_hashed(&format!("{name}.js"), "pkg", js.as_bytes())?;
            for (name, content) in snippets {
                bundle.add_named(&format!("pkg/snippets/{name}"), content)?;
            }
        }
        for (name, main) in
            [("postil.css", "style/main.css"), ("open.css", "style/open.css"), ("admin.css", "style/admin.css")]
        {
            let style = bundle.with_hashed_names(css::bundle(&repo::root().join(main))?);
            bundle.add_hashed(name, "pkg", style.as_bytes())?;
        }
        bundle.finish()
    })?;
    bundle.print_sizes();
    fs::write(site.join(".inputs"), inputs)?;
    Ok(())
}

/// Compares what lies in `target/site` with [`BUDGETS`].
///
/// # Errors
/// When a budget is broken: `cargo xtask wasm` and the tests fail then, a developer's server starts all the same.
pub fn check_budgets() -> Result<()> {
    let site = repo::site_dir();
    let manifest: BTreeMap<String, String> = serde_json::from_slice(&fs::read(site.join("manifest.json"))?)?;
    let size = |name: &str| -> Result<usize> {
        let Some(path) = manifest.get(name) else { return Ok(0) };
        let plain = site.join(path.trim_start_matches('/'));
        let compressed = PathBuf::from(format!("{}.br", plain.display()));
        Ok(usize::try_from(fs::metadata(&compressed).or_else(|_| fs::metadata(&plain))?.len())?)
    };
    let mut broken = Vec::new();
    for (what, names, bound) in BUDGETS {
        let size = names.iter().map(|name| size(name)).sum::<Result<usize>>()?;
        println!("budget  {what}: {size} of {bound} bytes ({} %)", size * 100 / bound);
        if size > bound {
            broken.push(format!("{what} is {size} bytes after brotli, {} over its budget", size - bound));
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!(broken.join("; ")) }
}

/// Checks both halves of the browser build by themselves, so that neither leans on a feature the other turns on.
pub fn check() -> Result<()> {
    let toolchain = toolchain()?;
    let clippy = toolchain.is_none() && output(cargo_for(toolchain, "clippy").arg("--version")).is_ok();
    step("postil without features, for the browser", || {
        run(cargo_for(toolchain, "check").args(["--quiet", "--package", "postil"]).args(shared_arguments()))
    })?;
    step("frontend, for the browser", || {
        let mut command = cargo_for(toolchain, if clippy { "clippy" } else { "check" });
        command.args(["--quiet", "--package", "frontend"]).args(shared_arguments());
        if clippy {
            command.args(["--", "-D", "warnings"]);
        }
        run(&mut command)
    })
}

/// The same profile and directory for checks and builds, so that build scripts and macros are compiled once.
fn shared_arguments() -> [String; 6] {
    let target_dir = repo::target_dir().join("wasm").display().to_string();
    ["--target".into(), TARGET.into(), "--profile".into(), PROFILE.into(), "--target-dir".into(), target_dir]
}

/// Compiles `frontend`, all bundles in one go, and returns their raw modules in the order of [`BUNDLES`].
fn compile(options: Options) -> Result<Vec<Vec<u8>>> {
    let mut command = cargo_for(toolchain()?, "build");
    command.args(["--package", "frontend", "--message-format=json-render-diagnostics"]);
    let mut arguments = shared_arguments();
    if options.dev {
        "dev".clone_into(&mut arguments[3]);
    }
    // The artefact's own path, not the name in the target directory that another checkout may have replaced.
    let messages = {
        let result = command
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::inherit())
            .output()?;
        ensure!(result.status.success(), "{} failed ({})", repo::shown(&command), result.status);
        String::from_utf8(result.stdout)?
    };
    BUNDLES.iter().map(|(_, target)| module(&messages, target)).collect()
}

/// The module of a target, as cargo's messages name it.
fn module(messages: &str, target: &str) -> Result<Vec<u8>> {
    let module = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == target)
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|name| name.extension().is_some_and(|extension| extension == "wasm"))
        .with_context(|| format!("cargo named no WASM module of `{target}`"))?;
    fs::read(&module).with_context(|| format!("can't read {}", module.display()))
}

type Bindings = (String, Vec<u8>, BTreeMap<String, Vec<u8>>);

/// Makes the JavaScript bindings and shrinks the module. The result is kept: a changed style sheet costs no wasm-opt.
fn bindings(name: &str, raw: &[u8], options: Options) -> Result<Bindings> {
    let cache = repo::root().join("target/bindings").join(name);
    let key = format!("{} {} {WASM_OPT:?}", repo::sha256_hex(raw), options.dev);
    if !fs::read_to_string(cache.join("key")).is_ok_and(|kept| kept == key) {
        let _ = fs::remove_dir_all(&cache);
        fs::create_dir_all(&cache)?;
        let mut bindgen = Bindgen::new();
        bindgen
            .input_bytes(name, raw.to_vec())
            .web(true)?
            .typescript(false)
            .remove_name_section(!options.dev)
            .remove_producers_section(true)
            .generate(&cache)
            .context("wasm-bindgen failed")?;
        let module = cache.join(format!("{name}_bg.wasm"));
        if !options.dev {
            let optimiser = repo::end2end_dir().join("node_modules/binaryen/bin/wasm-opt");
            repo::npm_install()?;
            run(Command::new("node").arg(optimiser).args(WASM_OPT).arg(&module).arg("-o").arg(&module))?;
        }
        fs::write(cache.join("key"), &key)?;
    }
    let snippets_dir = cache.join("snippets");
    let mut snippets = BTreeMap::new();
    for file in repo::files_below(&snippets_dir)? {
        snippets.insert(file.strip_prefix(&snippets_dir)?.display().to_string(), fs::read(&file)?);
    }
    let js = fs::read_to_string(cache.join(format!("{name}.js")))?;
    Ok((js, fs::read(cache.join(format!("{name}_bg.wasm")))?, snippets))
}

/// `target/site` in the making: built beside it, and moved into its place when it is complete.
struct Site {
    fresh: PathBuf,
    place: PathBuf,
    quality: i32,
    /// Logical name → path on the server.
    manifest: BTreeMap<String, String>,
    /// Path → (bytes, bytes after brotli).
    sizes: BTreeMap<String, (usize, usize)>,
}

impl Site {
    fn new(place: &Path, options: Options) -> Result<Self> {
        let fresh = place.with_extension("new");
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh)?;
        let quality = if options.dev { 4 } else { 11 };
        Ok(Self { fresh, place: place.to_path_buf(), quality, manifest: BTreeMap::new(), sizes: BTreeMap::new() })
    }

    /// Writes `path` and, where it pays, `path.br`.
    fn add(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.fresh.join(path);
        fs::create_dir_all(file.parent().expect("a file in the site has a folder"))?;
        fs::write(&file, content)?;
        let mut compressed = content.len();
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if matches!(extension, "css" | "html" | "ico" | "js" | "json" | "svg" | "txt" | "wasm" | "webmanifest" | "xml")
        {
            let brotli = brotli(content, self.quality)?;
            if brotli.len() < content.len() {
                compressed = brotli.len();
                fs::write(self.fresh.join(format!("{path}.br")), brotli)?;
            }
        }
        self.sizes.insert(format!("/{path}"), (content.len(), compressed));
        Ok(())
    }

    /// Adds `path` under its own name.
    fn add_named(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.manifest.insert(path.to_owned(), format!("/{path}"));
        self.add(path, content)
    }

    /// Adds `dir/name.<hash>.ext` under the logical name `logical` and returns its path.
    fn add_hashed(&mut self, logical: &str, dir: &str, content: &[u8]) -> Result<String> {
        let name = logical.rsplit('/').next().expect("a name has a last part");
        let (stem, extension) = name.rsplit_once('.').with_context(|| format!("{logical} needs an extension"))?;
        let path = format!("{dir}/{stem}.{}.{extension}", &repo::sha256_hex(content)[..16]);
        self.add(&path, content)?;
        self.manifest.insert(logical.to_owned(), format!("/{path}"));
        Ok(format!("/{path}"))
    }

    /// At the top of `public/` names are promises to the outside (embed.js, favicon.ico); in folders they get hashes.
    fn copy_public(&mut self, public: &Path) -> Result<()> {
        for file in repo::files_below(public)? {
            let logical = file.strip_prefix(public)?.display().to_string();
            let content = fs::read(&file)?;
            if let Some((dir, _)) = logical.rsplit_once('/') {
                self.add_hashed(&logical, dir, &content)?;
            } else {
                self.add_named(&logical, &content)?;
            }
        }
        Ok(())
    }

    /// `style` with every `url(/icons/x.svg)` replaced by the hashed name of that file.
    fn with_hashed_names(&self, mut style: String) -> String {
        for (logical, path) in &self.manifest {
            for quote in ["", "\"", "'"] {
                style = style.replace(&format!("url({quote}/{logical}{quote})"), &format!("url({path})"));
            }
        }
        style
    }

    fn finish(&mut self) -> Result<()> {
        fs::write(self.fresh.join("manifest.json"), serde_json::to_string_pretty(&self.manifest)? + "\n")?;
        let hash = |name: &str| self.manifest.get(name).and_then(|path| path.rsplit('.').nth(1)).unwrap_or_default();
        let hashes = format!("js: {}\nwasm: {}\ncss: {}\n", hash("postil.js"), hash("postil.wasm"), hash("postil.css"));
        fs::write(self.fresh.join("hash.txt"), hashes)?;
        let old = self.place.with_extension("old");
        let _ = fs::remove_dir_all(&old);
        if self.place.exists() {
            fs::rename(&self.place, &old)?;
        }
        fs::rename(&self.fresh, &self.place)?;
        let _ = fs::remove_dir_all(&old);
        Ok(())
    }

    fn print_sizes(&self) {
        println!("{:<48} {:>12} {:>12}", "target/site", "bytes", "brotli");
        for (path, (plain, compressed)) in &self.sizes {
            println!("{path:<48} {plain:>12} {compressed:>12}");
        }
    }
}

fn brotli(content: &[u8], quality: i32) -> Result<Vec<u8>> {
    let parameters =
        brotli::enc::BrotliEncoderParams { quality, lgwin: 22, size_hint: content.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters).context("brotli failed")?;
    Ok(compressed)
}

/// The toolchain that can build for the browser: the usual one (`None`), or Debian's.
fn toolchain() -> Result<Option<&'static str>> {
    let has_source = |toolchain: Option<&str>| {
        output(with_toolchain(Command::new("rustc"), toolchain).args(["--print", "sysroot"]))
            .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
    };
    [None, Some(DEBIAN)].into_iter().find(|toolchain| has_source(*toolchain)).context(
        "no Rust toolchain here has the source of the standard library: run script/bootstrap, or `rustup component add rust-src`",
    )
}

/// Cargo with that toolchain and a standard library made small.
///
/// A panic in the browser stops the module with or without a message, and the code that writes such messages is an
/// eighth of the bundle. The library is compiled from its source, by flags that aren't stable yet: hence the bootstrap
/// variable, which only this build sees.
///
/// The subcommand comes first: of what stands before its own name, `cargo clippy` hands nothing on.
fn cargo_for(toolchain: Option<&str>, subcommand: &str) -> Command {
    let command = if toolchain.is_some() { Command::new("cargo") } else { repo::cargo() };
    let mut command = with_toolchain(command, toolchain);
    command.current_dir(repo::root()).env("RUSTC_BOOTSTRAP", "1");
    command.env("RUSTFLAGS", "-Zunstable-options -Cpanic=immediate-abort");
    command.args([subcommand, "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    command
}

/// `cargo xtask` itself runs under the usual toolchain, whose environment must not reach the other one.
fn with_toolchain(mut command: Command, toolchain: Option<&str>) -> Command {
    if let Some(toolchain) = toolchain {
        command
            .env("RUSTUP_TOOLCHAIN", toolchain)
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("LD_LIBRARY_PATH");
    }
    command
}

/// A hash over every input and the compiler's version.
fn inputs_hash(options: Options) -> Result<String> {
    let root = repo::root();
    let mut listing =
        format!("dev: {}\n{}", options.dev, output(Command::new("rustc").arg("--version").current_dir(&root))?);
    for input in INPUTS {
        let path = root.join(input);
        let files = if path.is_file() { vec![path] } else { repo::files_below(&path)? };
        for file in files {
            let name = file.strip_prefix(&root)?;
            if !NOT_INPUTS.iter().any(|dir| name.starts_with(dir)) {
                let content = fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
                listing.extend([repo::sha256_hex(&content).as_str(), " ", &name.to_string_lossy(), "\n"]);
            }
        }
    }
    Ok(repo::sha256_hex(listing.as_bytes()))
}
