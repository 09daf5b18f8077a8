//! Another user of the same machine: no token, no socket, no file of this one, and no folder of his
//! that a root emulator could be led astray with. Played where this user can become another.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{Emulator, labrat, text};
use crate::harness::{Kind, Launch, descriptors, host_in, skip_unless};

/// A user that nobody is.
const STRANGER: u32 = 64_123;

fn skipped() -> bool {
    let root = nix::unistd::geteuid().is_root();
    skip_unless(match root {
        true => Ok(()),
        false => Err("only root can become another user".to_owned()),
    })
}

fn as_stranger(program: &Path, words: &[&str]) -> Output {
    Command::new(program)
        .args(words)
        .uid(STRANGER)
        .gid(STRANGER)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A folder that everybody may pass through, with a program that everybody may run.
fn open_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let program = folder.path().join("labrat");
    std::fs::copy(env!("CARGO_BIN_EXE_labrat"), &program).unwrap();
    (folder, program)
}

#[test]
fn another_user_reads_no_token_and_no_table_and_commands_no_emulator() {
    if skipped() {
        return;
    }
    let (folder, program) = open_folder();
    let emulator = Emulator::start(folder.path(), &[]);
    assert!(
        emulator.ask(&["status"]).status.success(),
        "who runs it may"
    );
    let refused = as_stranger(
        &program,
        &["host", "status", "--control", &emulator.control],
    );
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("the token is missing or wrong"),
        "{refused:?}"
    );
    let presence = emulator.presence();
    let run = &emulator.folder;
    let environment = format!("/proc/{}/environ", emulator.child.id());
    for path in [
        presence.as_path(),
        &run.join("host.json"),
        &run.join("tables/http.jsonl"),
        &run.join("tables/console.jsonl"),
        Path::new(&environment),
    ] {
        assert!(std::fs::read(path).is_ok(), "{}", path.display());
        let read = as_stranger(Path::new("/bin/cat"), &[path.to_str().unwrap()]);
        assert!(
            !read.status.success() && read.stdout.is_empty(),
            "{}",
            path.display()
        );
    }
    for path in [run.as_path(), presence.parent().unwrap()] {
        let listed = as_stranger(Path::new("/bin/ls"), &[path.to_str().unwrap()]);
        assert!(!listed.status.success(), "{}: {listed:?}", path.display());
    }
}

#[test]
fn two_thousand_silent_clients_keep_nobody_from_the_control_api() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(folder.path(), &[]);
    let count = || descriptors(emulator.child.id()).unwrap();
    let before = count();
    let address: SocketAddr = emulator.control.parse().unwrap();
    let mut silent: Vec<TcpStream> = (0..2_000)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    silent[1_999].write_all(b"GET /status HT").unwrap();
    let began = Instant::now();
    let status = emulator.ask(&["status"]);
    assert!(status.status.success(), "{status:?}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(count() <= before + 80, "{before} became {}", count());
}

#[test]
fn another_user_reaches_no_control_socket() {
    if skipped() {
        return;
    }
    let (folder, program) = open_folder();
    let socket = folder.path().join("pool.ctl");
    let server = Launch::new(Kind::Labrat, "--workers 1")
        .with_control_socket()
        .argument(format!("--control-socket={}", socket.display()))
        .start();
    server.wait_for("Control socket listening at");
    let words = [
        "ctl",
        "--socket",
        socket.to_str().unwrap(),
        "show",
        "workers",
    ];
    let own = labrat().args(words).output().unwrap();
    assert!(own.status.success(), "{own:?}");
    let refused = as_stranger(&program, &words);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("Permission denied"),
        "{refused:?}"
    );
}

#[test]
fn an_emulator_does_not_run_in_a_folder_of_another_user() {
    if skipped() {
        return;
    }
    let (folder, _) = open_folder();
    let theirs = folder.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(STRANGER), Some(STRANGER)).unwrap();
    let refused = host_in(&theirs).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("another user's folder"),
        "{refused:?}"
    );
    assert_eq!(std::fs::read_dir(&theirs).unwrap().count(), 0);
}

#[test]
fn another_user_reads_nothing_of_a_rehearsal_under_way() {
    if skipped() {
        return;
    }
    let (folder, _) = open_folder();
    let (temporary, out) = (folder.path().join("tmp"), folder.path().join("out"));
    std::fs::create_dir(&temporary).unwrap();
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o1777)).unwrap();
    let mut rehearsal = labrat()
        .args([
            "rehearse",
            "intermittent-5xx",
            "--control",
            "--pace",
            "0.1",
            "--out",
        ])
        .arg(&out)
        .env("TMPDIR", &temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = crate::harness::poll(crate::harness::PATIENCE, || {
        let own = std::fs::read_dir(&temporary).ok()?.flatten().next()?.path();
        let tables = super::everything(&own);
        let has = |(path, _): &(PathBuf, _)| path.ends_with("tables/http.jsonl");
        (tables.iter().any(has) && out.join("manifest.json").exists()).then_some(own)
    });
    let own = begun.expect("a rehearsal is under way");
    let listed = [&own, &out]
        .map(|path: &PathBuf| as_stranger(Path::new("/bin/ls"), &[path.to_str().unwrap()]));
    rehearsal.wait().unwrap();
    for listed in listed {
        assert!(!listed.status.success(), "{listed:?}");
    }
}
