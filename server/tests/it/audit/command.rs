//! `postil audit …`: from the database to a file, and what the file proves without it.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
};

use postil::ids::CompanyId;

use crate::harness::{Company, House, Scene, house::setting, in_a_house};

struct Desk<'a> {
    house: &'a House,
    company: String,
}

impl<'a> Desk<'a> {
    fn of(house: &'a House, company: &Company) -> Self {
        Self { house, company: CompanyId::from_uuid(company.id).to_string() }
    }

    /// Runs `postil audit` with nothing in its environment but what it is said to need.
    fn runs(&self, arguments: &[&str], settings: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postil"));
        command.arg("audit").args(arguments).env_clear();
        for name in settings {
            let value = if *name == "POSTIL_SECRET" { setting(name) } else { self.house.url(name) };
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who fails early reads no more.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn good(&self, arguments: &[&str], settings: &[&str], input: &str) -> String {
        let output = self.runs(arguments, settings, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn export(&self, more: &[&str]) -> String {
        self.good(&[&["export", "--company", &self.company], more].concat(), &["WORKER_DATABASE_URL"], "")
    }

    fn checkpoint(&self) -> String {
        self.good(&["checkpoint", "--company", &self.company], &["WORKER_DATABASE_URL", "POSTIL_SECRET"], "")
    }

    fn key(&self) -> String {
        self.good(&["key"], &["POSTIL_SECRET"], "").trim().to_owned()
    }

    /// What `postil audit verify` says of a broken export. It ends with 1.
    fn broken(&self, export: &str) -> String {
        let output = self.runs(&["verify", "-", "--key", &self.key()], &[], export);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn an_export_is_checked_offline() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let desk = Desk::of(house, &scene.nordwind);
        let first = desk.checkpoint();
        assert!(first.starts_with("{\"checkpoint\":"), "{first}");
        assert_eq!(desk.checkpoint(), "", "nothing new to sign");
        scene.anna.edits(scene.hello.id, 1, "Hello, all", crate::harness::now()).await.unwrap();
        let export = desk.export(&[]);
        assert!(export.contains("message.edit") && !export.contains("Hello"), "{export}");
        assert!(export.contains("audit.export"), "the export is an entry itself");
        let whole = desk.good(&["verify", "--key", &desk.key()], &[], &export);
        assert!(whole.starts_with("whole: entries 1 to "), "{whole}");
        assert!(whole.contains("not shown: that nothing is missing behind the last checkpoint"), "{whole}");
        let unknown = desk.good(&["verify"], &[], &export);
        assert!(unknown.contains(&format!("--key {}", desk.key())), "{unknown}");

        // From a file; from a position on, which a checkpoint holds.
        let path = std::env::temp_dir().join(format!("{}.jsonl", house.name));
        fs::write(&path, &export).unwrap();
        desk.good(&["verify", path.to_str().unwrap()], &[], "");
        fs::remove_file(path).unwrap();
        let since = first.split("\"seq\":").nth(1).unwrap().split(',').next().unwrap();
        let rest = desk.good(&["verify"], &[], &desk.export(&["--since", since]));
        assert!(!rest.contains("is linked to"), "{rest}");
        let beyond = (since.parse::<i64>().unwrap() + 1).to_string();
        let rest = desk.good(&["verify"], &[], &desk.export(&["--since", &beyond]));
        assert!(rest.contains("not shown: what entry") && rest.contains("not signed"), "{rest}");
    });
}

#[test]
fn the_first_broken_link_is_named() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let desk = Desk::of(house, &scene.nordwind);
        scene.anna.edits(scene.hello.id, 1, "Hello, all", crate::harness::now()).await.unwrap();
        let signed = desk.checkpoint();
        let export = desk.export(&[]);
        let lines: Vec<&str> = export.lines().collect();
        let text = |lines: &[&str]| lines.join("\n") + "\n";
        let without = [&lines[..4], &lines[5..]].concat();
        assert!(
            desk.broken(&text(&without)).contains("line 5: entry 6 stands where entry 5 is expected: 5 is missing")
        );
        let mut swapped = lines.clone();
        swapped.swap(2, 3);
        assert!(desk.broken(&text(&swapped)).contains("line 3: entry 4 stands where entry 3 is expected"));
        let changed = export.replacen("\"role_key\":\"staff\"", "\"role_key\":\"owner\"", 1);
        assert_ne!(changed, export);
        assert!(desk.broken(&changed).contains("its content was changed"));
        let cut = text(&[&lines[..7], &[signed.trim()]].concat());
        assert!(desk.broken(&cut).contains("the entries end at 7, but on"), "{}", desk.broken(&cut));
        let forged = export.replace("\"signature\":\"", "\"signature\":\"00").replacen("00\"}", "\"}", 1);
        assert!(desk.broken(&forged).contains("line"), "{forged}");
        assert!(desk.broken("").contains("there is no entry in it"));
        assert!(desk.broken(&"x".repeat(1_000_000)).contains("line 1: it is neither"));
    });
}

#[test]
fn what_the_owner_does_with_the_triggers_off_shows() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let desk = Desk::of(house, &scene.nordwind);
        scene.anna.edits(scene.hello.id, 1, "Hello, all", crate::harness::now()).await.unwrap();
        desk.checkpoint();
        let mut tx = scene.nordwind.house().await;
        for sql in [
            "ALTER TABLE audit_log DISABLE TRIGGER audit_log_immutable",
            "UPDATE audit_log SET actor_id = NULL WHERE action = 'message.edit'",
            "ALTER TABLE audit_log ENABLE TRIGGER audit_log_immutable",
        ] {
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        let seq: i64 = scene.nordwind.value("SELECT seq FROM audit_log WHERE action = 'message.edit'").await;
        let told = desk.broken(&desk.export(&[]));
        assert!(told.contains(&format!("entry {seq} does not have the hash that it says")), "{told}");
    });
}

#[test]
fn a_command_says_what_it_lacks() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let desk = Desk::of(house, &scene.nordwind);
        for (arguments, settings, says) in [
            (&["export", "--company", &desk.company][..], &[][..], "WORKER_DATABASE_URL"),
            (&["checkpoint"][..], &["WORKER_DATABASE_URL"][..], "POSTIL_SECRET"),
            (&["key"][..], &[][..], "POSTIL_SECRET"),
            (
                &["export", "--company", "cmp_00000000000070008000000000000000"][..],
                &["WORKER_DATABASE_URL"][..],
                "there is no company",
            ),
        ] {
            let output = desk.runs(arguments, settings, "");
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && error.contains(says), "{arguments:?}: {error}");
        }
    });
}

#[test]
fn logs_are_signed_when_they_are_due() {
    in_a_house(async |house| {
        let scene = Scene::set(house).await;
        let desk = Desk::of(house, &scene.nordwind);
        let all = |input: &str| desk.good(&["checkpoint"], &["WORKER_DATABASE_URL", "POSTIL_SECRET"], input);
        assert_eq!(all("").lines().count(), 2, "both companies");
        assert_eq!(all(""), "");
        scene.anna.edits(scene.hello.id, 1, "Hello, all", crate::harness::now()).await.unwrap();
        assert_eq!(all("").lines().count(), 1);
    });
}
