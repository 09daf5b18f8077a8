//! The module in somebody else's program: the example is built outside this crate, of its own files
//! and a copy of `src/readiness` alone, and keeps what the page on copying promises.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Address, Ending, Exchange, PATIENCE, get, poll, root};

const EXAMPLE: &str = "examples/probes";
/// What stands before `mod readiness;` in the example, because there the folder is not copied.
const INSTEAD_OF_A_COPY: &str = "#[path = \"../../../src/readiness/mod.rs\"]\n";

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_file(), "{} is a folder to copy", path.display());
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// The target folder of this very build, in which the dependencies lie.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_labrat"));
    program.ancestors().nth(2).unwrap().to_owned()
}

/// The example's program, built in a folder that holds nothing else of labrat. The folder is always
/// the same, so that not every run leaves a program of its own in the target folder.
fn built_outside() -> PathBuf {
    let outside = target().join("outside/probes");
    let _ = fs::remove_dir_all(outside.join("src"));
    copy_folder(
        &root().join("src/readiness"),
        &outside.join("src/readiness"),
    );
    for name in ["Cargo.toml", "Cargo.lock"] {
        let from = if name == "Cargo.lock" { "." } else { EXAMPLE };
        fs::copy(root().join(from).join(name), outside.join(name)).unwrap();
    }
    let text = fs::read_to_string(root().join(EXAMPLE).join("src/main.rs")).unwrap();
    assert!(text.contains(INSTEAD_OF_A_COPY));
    let text = text.replace(INSTEAD_OF_A_COPY, "");
    fs::write(outside.join("src/main.rs"), text).unwrap();

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--offline", "--target-dir"])
        .arg(target())
        .current_dir(&outside)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("warning"),
        "{said}"
    );
    target().join("debug/probes-example")
}

/// The running example, and its two addresses.
struct Program {
    child: Child,
    probes: Address,
    requests: Address,
}

impl Program {
    fn start(program: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .envs([("LISTEN", "127.0.0.1:0"), ("PROBES", "127.0.0.1:0")])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let line = lines.next().unwrap().unwrap();
            let address = line.strip_prefix(&format!("{name} http://")).unwrap();
            Address::Tcp(address.parse::<SocketAddr>().unwrap())
        };
        let (probes, requests) = (address("probes"), address("requests"));
        Self {
            child,
            probes,
            requests,
        }
    }

    fn probe(&self, path: &str) -> Option<u16> {
        get(&self.probes, path).status()
    }

    /// Wait until a probe has this status.
    fn becomes(&self, path: &str, status: u16) {
        let seen = poll(PATIENCE, || {
            (self.probe(path) == Some(status)).then_some(())
        });
        assert!(seen.is_some(), "{path} is {:?}", self.probe(path));
    }

    /// A request that takes so long, once the program has accepted it.
    fn in_flight(&self, path: &'static str) -> JoinHandle<Exchange> {
        let requests = self.requests.clone();
        let request = thread::spawn(move || get(&requests, path));
        let accepted = poll(PATIENCE, || (established(&self.requests) > 0).then_some(()));
        assert!(accepted.is_some(), "the request never arrived");
        request
    }

    fn terminate(&self) -> Instant {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        // Before it is sent: the program may have it while this thread waits for a processor.
        let told = Instant::now();
        kill(pid, Signal::SIGTERM).unwrap();
        told
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_example_builds_outside_this_crate_and_leaves_in_the_right_order() {
    let built = built_outside();
    probes_tell_a_dependency_from_a_death(&built);
    it_leaves_in_the_right_order(&built);
    a_request_that_outlasts_the_limit_is_cut(&built);
}

fn probes_tell_a_dependency_from_a_death(built: &Path) {
    let dependency = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = dependency.local_addr().unwrap().to_string();
    let program = Program::start(built, &[("DEPENDENCY", address.as_str())]);
    // The warm-up began with the program, and readiness waits for it.
    program.becomes("/ready", 200);
    assert_eq!(program.probe("/warmup"), Some(200));
    assert_eq!(
        get(&program.requests, "/primes/3").response().unwrap().body,
        b"7\n"
    );
    // A dependency that is away is a matter of readiness, and of nothing else.
    drop(dependency);
    program.becomes("/ready", 503);
    assert_eq!(program.probe("/health"), Some(200));
    assert_eq!(program.probe("/startup"), Some(200));
}

fn it_leaves_in_the_right_order(built: &Path) {
    let pause = Duration::from_secs(4);
    let mut program = Program::start(built, &[("DRAIN_PAUSE", "4")]);
    program.becomes("/ready", 200);
    let outlasts_the_pause = program.in_flight("/wait/6000");
    let told = program.terminate();
    program.becomes("/ready", 503);
    let during = get(&program.requests, "/primes/0");
    assert!(
        told.elapsed() < pause && during.status() == Some(200),
        "requests are accepted during the pause: {during} after {:?}",
        told.elapsed()
    );
    let closed = poll(PATIENCE, || {
        (get(&program.requests, "/primes/0").ending == Ending::Refused).then_some(())
    });
    assert!(closed.is_some(), "the listener was not closed");
    assert!(told.elapsed() >= pause, "{:?}", told.elapsed());
    let finished = outlasts_the_pause.join().unwrap();
    assert_eq!(finished.status(), Some(200), "it was finished");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

fn a_request_that_outlasts_the_limit_is_cut(built: &Path) {
    let settings = [("DRAIN_PAUSE", "0"), ("SHUTDOWN_LIMIT", "0.3")];
    let mut program = Program::start(built, &settings);
    let too_long = program.in_flight("/wait/20000");
    program.terminate();
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
    assert_eq!(too_long.join().unwrap().status(), None);
}

/// Connections to this address that are established, of whoever.
fn established(address: &Address) -> usize {
    let Address::Tcp(address) = address else {
        return 0;
    };
    let table = procfs::net::tcp().unwrap();
    let state = procfs::net::TcpState::Established;
    table
        .iter()
        .filter(|row| row.local_address == *address && row.state == state)
        .count()
}

#[test]
fn the_page_and_the_module_name_what_the_copy_depends_on_and_nothing_else() {
    let manifest = fs::read_to_string(root().join(EXAMPLE).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let wanted = manifest["dependencies"].as_table().unwrap();
    let page = fs::read_to_string(root().join("docs/copying.md")).unwrap();
    let row = page
        .lines()
        .find(|line| line.starts_with("| dependencies |"))
        .unwrap();
    let module = fs::read_to_string(root().join("src/readiness/mod.rs")).unwrap();
    let prose: String = module
        .lines()
        .map(|line| line.trim_start_matches("//! "))
        .collect::<Vec<_>>()
        .join(" ");
    let (_, uses) = prose.split_once("it uses ").unwrap();
    let (uses, _) = uses.split_once(", and nothing else").unwrap();
    let mut named: Vec<&str> = uses
        .split([',', ' '])
        .filter(|word| !["", "and"].contains(word))
        .collect();
    named.sort_unstable();
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    assert_eq!(named, names, "src/readiness/mod.rs");
    for (name, spec) in wanted {
        assert!(row.contains(&format!("`{name}`")), "{name}: {row}");
        let features = spec.get("features").and_then(toml::Value::as_array);
        for feature in features.into_iter().flatten() {
            let feature = feature.as_str().unwrap();
            assert!(row.contains(&format!("`{feature}`")), "{name}: {feature}");
        }
    }
}
