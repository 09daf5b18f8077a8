//! Real servers, started for one test on a free port of loopback and ended with it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use labrat::machine::reserved_port::ReservedPort;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, geteuid};
use tempfile::TempDir;

use crate::harness::{PATIENCE, poll, root};

/// Where a program is, or why it cannot be had here.
pub fn program(name: &str) -> Result<PathBuf, String> {
    static FOUND: OnceLock<(String, String)> = OnceLock::new();
    let (found, complaints) = FOUND.get_or_init(|| {
        let setup = root().join("tests/dependencies/setup.sh");
        match Command::new(setup).output() {
            Ok(output) => (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ),
            Err(error) => (String::new(), error.to_string()),
        }
    });
    let line = |line: &str| Some(PathBuf::from(line.strip_prefix(name)?.strip_prefix('=')?));
    found
        .lines()
        .find_map(line)
        .ok_or_else(|| format!("no {name}: {}", complaints.trim()))
}

/// A listener that the kernel answers for, and nobody else.
pub fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// A running server in a folder of its own.
pub struct Server {
    child: Child,
    port: ReservedPort,
    pub folder: TempDir,
}

impl Server {
    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Stop its process, or let it go on.
    pub fn signal(&self, signal: Signal) {
        kill(pid(self.child.id()), signal).expect("the server runs");
    }

    /// Wait until the server says in its log that it takes connections.
    fn await_line(mut self, log: &Path, line: &str) -> Self {
        let ready = poll(PATIENCE, || {
            let said = fs::read_to_string(log).unwrap_or_default();
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended: {said}");
            said.contains(line).then_some(())
        });
        assert!(ready.is_some(), "it does not say {line:?}");
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT ends PostgreSQL with all its processes, at once; Redis ends at SIGKILL.
        let _ = kill(pid(self.child.id()), Signal::SIGCONT);
        let _ = kill(pid(self.child.id()), Signal::SIGQUIT);
        let ended = poll(std::time::Duration::from_secs(5), || {
            self.child.try_wait().ok().flatten()
        });
        if ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).expect("a pid"))
}

/// A command in `folder` that does not run as root, which PostgreSQL refuses, and the folder its.
fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if geteuid().is_root() {
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .expect("a user without privileges");
        chown(folder, Some(user.uid), Some(user.gid)).expect("the folder can be given away");
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Run to the end, and show what it said if it failed.
fn succeed(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The password of PostgreSQL's superuser here.
pub const SUPERUSER: (&str, &str) = ("lab", "planted-superuser");

/// A PostgreSQL with password logins, and with TLS for whom asks for it.
pub fn postgres() -> Result<Server, String> {
    let (initdb, postgres) = (program("initdb")?, program("postgres")?);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path();
    certificates(path)?;
    fs::write(path.join("password"), SUPERUSER.1).expect("a file");
    let own = |name: &str| {
        // The key must belong to who reads it.
        let mut command = unprivileged(Path::new("/bin/cp"), path);
        command.args([name, &format!("own-{name}")]);
        command
    };
    fs::set_permissions(path.join("server.key"), readable()).expect("a mode");
    fs::set_permissions(path.join("password"), readable()).expect("a mode");
    for name in ["server.key", "server.crt", "password"] {
        succeed(&mut own(name));
    }
    succeed(unprivileged(Path::new("/bin/chmod"), path).args(["600", "own-server.key"]));
    succeed(unprivileged(&initdb, path).args([
        "--pgdata=data",
        "--auth=scram-sha-256",
        &format!("--username={}", SUPERUSER.0),
        "--pwfile=own-password",
        "--no-locale",
        "--encoding=UTF8",
        "--no-sync",
    ]));
    let port = ReservedPort::choose().expect("loopback has a free port");
    let log = path.join("log");
    let output = fs::File::create(&log).expect("a log");
    let mut command = unprivileged(&postgres, path);
    command
        .args(["-D", "data", "-p", &port.number().to_string()])
        .args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
        ])
        .args([
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=16MB",
            "-c",
            "max_connections=20",
        ])
        .args(["-c", "ssl=on", "-c", "ssl_cert_file=../own-server.crt"])
        .args(["-c", "ssl_key_file=../own-server.key"])
        .stdout(output.try_clone().expect("a log"))
        .stderr(output);
    let child = command.spawn().expect("postgres starts");
    let server = Server {
        child,
        port,
        folder,
    };
    Ok(server.await_line(&log, "database system is ready to accept connections"))
}

fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

/// `authority.crt`, and for the name `localhost` `server.crt` with `server.key`.
fn certificates(folder: &Path) -> Result<(), String> {
    let openssl = program("openssl")?;
    fs::write(
        folder.join("extensions"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .expect("a file");
    let run = |arguments: &str| {
        succeed(
            Command::new(&openssl)
                .current_dir(folder)
                .args(arguments.split_whitespace()),
        );
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!(
        "req -x509 {key} -keyout authority.key -out authority.crt -days 2 -subj /CN=authority"
    ));
    run(&format!(
        "req {key} -keyout server.key -out server.csr -subj /CN=localhost"
    ));
    run(
        "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial \
         -out server.crt -days 2 -extfile extensions",
    );
    Ok(())
}

/// A Redis with these lines of configuration.
pub fn redis(configuration: &[&str]) -> Result<Server, String> {
    let program = program("redis-server")?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = ReservedPort::choose().expect("loopback has a free port");
    let log = folder.path().join("log");
    let output = fs::File::create(&log).expect("a log");
    let own = format!(
        "port {}\nbind 127.0.0.1\nsave \"\"\nappendonly no\n",
        port.number()
    );
    let text = own + &configuration.join("\n") + "\n";
    fs::write(folder.path().join("redis.conf"), text).expect("a file");
    let mut command = Command::new(program);
    command
        .current_dir(folder.path())
        .arg("redis.conf")
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output);
    let child = command.spawn().expect("redis-server starts");
    let server = Server {
        child,
        port,
        folder,
    };
    Ok(server.await_line(&log, "Ready to accept connections"))
}
