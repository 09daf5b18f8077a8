//! A real PostgreSQL of the rehearsal's own, with a role that it lets in and others that it refuses.
//!
//! Its programs are the machine's. Where there are none, nothing can be refused by a server, and
//! the rehearsal says so: nobody plays a server here.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::unistd::{User, geteuid};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use super::plan::{RehearsalError, RehearsalPlan};
use super::prepared;
use crate::machine::own_files;
use crate::machine::reserved_port::ReservedPort;
use crate::scenario::own_folder::{OwnFolder, Purpose};
use crate::scenario::shape;

/// Where Debian keeps the programs of every version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Users that PostgreSQL may run as where this process is root, which PostgreSQL refuses.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];
/// The superuser. No rule of the server admits it.
const SUPERUSER: &str = "labrat";
/// The folder of its files, below [`HOME`].
const DATA: &str = "data";
/// The folder that belongs to the user that it runs as.
const HOME: &str = "server";
/// What it says, below the rehearsal's folder.
const LOG: &str = "log";
/// How long it may take to take connections.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at its log.
const PASS: Duration = Duration::from_millis(20);
/// What it says when it takes connections, and when it gives up.
const READY: &str = "database system is ready to accept connections";
const FATAL: &str = "FATAL:";
/// The guardian: a shell that ends the server, at once, when its own standard input is closed,
/// which a rehearsal does at its end, however it ends.
const GUARDIAN: &str =
    r#""$@" </dev/null & server=$!; read -r _; kill -QUIT "$server"; wait "$server""#;

/// Why there is no database server.
#[derive(Debug, thiserror::Error)]
pub enum NoDatabaseServer {
    /// The programs are not there.
    #[error(
        "no database server, and so nobody who refuses: there is no {program} here\n\nhint: apt-get install postgresql, or say with --postgres where it is"
    )]
    NoProgram {
        /// The first one that is missing.
        program: &'static str,
    },
    /// This process is root, and there is nobody else.
    #[error("no database server: PostgreSQL does not run as root, and there is no user {}", UNPRIVILEGED.join(" or "))]
    NoUser,
    /// A file or a process.
    #[error("no database server: {what}: {source}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A program of PostgreSQL's failed, or does not get ready.
    #[error("no database server: {program}: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
}

fn system(what: &'static str) -> impl Fn(io::Error) -> NoDatabaseServer {
    move |source| NoDatabaseServer::System { what, source }
}

/// A running server. Dropping it ends it, and so does the end of this process.
#[derive(Debug)]
pub(super) struct DatabaseServer {
    port: ReservedPort,
    password: String,
    guardian: Child,
    /// The guardian ends the server when this is closed.
    lifeline: ChildStdin,
    /// The server's files. After the guardian, as they go last.
    folder: OwnFolder,
}

impl DatabaseServer {
    /// Start one, with its roles and its migrated database.
    pub(super) async fn start(
        plan: &RehearsalPlan,
        wanted: shape::DatabaseServer,
    ) -> Result<Self, RehearsalError> {
        let server = Self::with_roles(plan.postgres.as_deref(), &wanted).await?;
        let url = format!(
            "postgres://{}:{}/{}",
            wanted.owner,
            shape::DATABASE_SERVER,
            wanted.database
        );
        let url = server.fill_in(&url);
        let variable = Some(("DATABASE_URL", url.as_str()));
        prepared::run(
            &plan.executable,
            &["migrate"],
            variable,
            server.folder.path(),
        )
        .await?;
        Ok(server)
    }

    async fn with_roles(
        programs: Option<&Path>,
        wanted: &shape::DatabaseServer,
    ) -> Result<Self, NoDatabaseServer> {
        let programs = Programs::find(programs)?;
        let folder = OwnFolder::make(Purpose::Rehearsal).map_err(system("making a folder"))?;
        programs.prepare_home(folder.path())?;
        programs.make_data(folder.path()).await?;
        let password = password().map_err(system("reading random bytes"))?;
        let statements = statements(wanted, &password);
        programs.run_statements(folder.path(), &statements).await?;
        let (port, guardian, lifeline) = programs.launch(&folder).await?;
        Ok(Self {
            port,
            password,
            guardian,
            lifeline,
            folder,
        })
    }

    /// A setting's value with the password and the address in it.
    pub(super) fn fill_in(&self, value: &str) -> String {
        let (password, port) = (&self.password, self.port.number());
        value.replace(
            shape::DATABASE_SERVER,
            &format!("{password}@127.0.0.1:{port}"),
        )
    }

    /// End it, and leave nothing.
    pub(super) async fn stop(self) {
        let Self {
            mut guardian,
            lifeline,
            ..
        } = self;
        end(&mut guardian, lifeline).await;
    }
}

/// Have the guardian end the server, and wait for both.
async fn end(guardian: &mut Child, lifeline: ChildStdin) {
    drop(lifeline);
    if timeout(STOP_LIMIT, guardian.wait()).await.is_err() {
        // The server then ends when it finds its folder gone.
        let _ = guardian.kill().await;
    }
}

/// PostgreSQL's programs, and who runs them.
#[derive(Debug)]
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
    /// User and group, where this process is root.
    other_user: Option<(u32, u32)>,
}

impl Programs {
    fn find(folder: Option<&Path>) -> Result<Self, NoDatabaseServer> {
        let folders = match folder {
            Some(folder) => vec![folder.to_owned()],
            None => usual_folders(),
        };
        let find = |program: &'static str| {
            let mut paths = folders.iter().map(|folder| folder.join(program));
            let found = paths.find(|path| path.is_file());
            found.ok_or(NoDatabaseServer::NoProgram { program })
        };
        let other_user = match geteuid().is_root() {
            false => None,
            true => {
                let users = UNPRIVILEGED.iter();
                let mut known = users.filter_map(|name| User::from_name(name).ok().flatten());
                let user = known.next().ok_or(NoDatabaseServer::NoUser)?;
                Some((user.uid.as_raw(), user.gid.as_raw()))
            }
        };
        Ok(Self {
            // A link would hide where the rest of that version is.
            initdb: real(find("initdb")?),
            postgres: real(find("postgres")?),
            other_user,
        })
    }

    /// Whoever runs the server has a folder of its own, and may pass through the rehearsal's.
    fn prepare_home(&self, folder: &Path) -> Result<(), NoDatabaseServer> {
        let home = folder.join(HOME);
        fs::create_dir(&home).map_err(system("making a folder"))?;
        let Some((user, group)) = self.other_user else {
            return Ok(());
        };
        fs::set_permissions(folder, Permissions::from_mode(0o711))
            .and_then(|()| chown(&home, Some(user), Some(group)))
            .map_err(system("giving a folder away"))
    }

    /// A command in the server's folder, as the user that it belongs to.
    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(folder.join(HOME))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            // What somebody types at the terminal is for the rehearsal.
            .process_group(0)
            .kill_on_drop(true);
        if let Some((user, group)) = self.other_user {
            command.uid(user).gid(group);
        }
        command
    }

    async fn make_data(&self, folder: &Path) -> Result<(), NoDatabaseServer> {
        let output = self
            .command(&self.initdb, folder)
            .args([
                "--pgdata",
                DATA,
                "--auth=reject",
                "--no-locale",
                "--no-sync",
            ])
            .args(["--encoding=UTF8", "--username", SUPERUSER])
            .output()
            .await
            .map_err(system("starting initdb"))?;
        succeeded("initdb", &output)
    }

    /// Run statements, a line each, while nobody can connect.
    async fn run_statements(&self, folder: &Path, text: &str) -> Result<(), NoDatabaseServer> {
        let started = self
            .command(&self.postgres, folder)
            .args([
                "--single",
                "-D",
                DATA,
                "-F",
                "-c",
                "exit_on_error=on",
                "postgres",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = started.map_err(system("starting postgres"))?;
        if let Some(mut input) = process.stdin.take() {
            let written = input.write_all(text.as_bytes()).await;
            written.map_err(system("talking to postgres"))?;
        }
        let output = process.wait_with_output().await;
        succeeded("postgres", &output.map_err(system("talking to postgres"))?)
    }

    /// Start the server on a free port, and wait until it takes connections.
    async fn launch(
        &self,
        folder: &OwnFolder,
    ) -> Result<(ReservedPort, Child, ChildStdin), NoDatabaseServer> {
        let rules = "host all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(
            folder.path().join(HOME).join(DATA).join("pg_hba.conf"),
            rules,
        )
        .map_err(system("writing who may connect"))?;
        let log = folder.path().join(LOG);
        let said = File::create(&log).map_err(system("making a log"))?;
        let port = ReservedPort::choose().map_err(system("reserving a port"))?;
        let started = self
            .command(Path::new("/bin/sh"), folder.path())
            .args(["-c", GUARDIAN, "guardian"])
            .arg(&self.postgres)
            .args(["-D", DATA, "-F", "-p", &port.number().to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "shared_buffers=16MB", "-c", "max_connections=40"])
            .stdin(Stdio::piped())
            // Nothing is written there. It keeps the folder until the server has ended.
            .stdout(folder.share().map_err(system("sharing the folder"))?)
            .stderr(said)
            .kill_on_drop(false)
            .spawn();
        let mut guardian = started.map_err(system("starting postgres"))?;
        let lifeline = guardian.stdin.take().ok_or_else(|| {
            system("starting postgres")(io::Error::from(io::ErrorKind::BrokenPipe))
        })?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains(READY) {
                return Ok((port, guardian, lifeline));
            }
            if said.contains(FATAL) || Instant::now() >= deadline {
                end(&mut guardian, lifeline).await;
                return Err(NoDatabaseServer::Failed {
                    program: "postgres",
                    said,
                });
            }
            sleep(PASS).await;
        }
    }
}

/// The path, and then Debian's versions, the newest first.
fn usual_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.extend(versions.into_iter().map(|path| path.join("bin")));
    folders
}

fn real(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}

/// The roles and the database: a role that is refused has a right password, and may not log in.
fn statements(wanted: &shape::DatabaseServer, password: &str) -> String {
    let (owner, database) = (&wanted.owner, &wanted.database);
    let mut text = format!("CREATE ROLE {owner} LOGIN PASSWORD '{password}'\n");
    for role in &wanted.refused {
        text.push_str(&format!(
            "CREATE ROLE {role} NOLOGIN PASSWORD '{password}'\n"
        ));
    }
    text.push_str(&format!("CREATE DATABASE {database} OWNER {owner}\n"));
    text
}

/// One that nobody can guess, of this server alone.
fn password() -> io::Result<String> {
    let bytes = own_files::random_bytes::<16>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn succeeded(program: &'static str, output: &Output) -> Result<(), NoDatabaseServer> {
    match output.status.success() {
        true => Ok(()),
        false => Err(NoDatabaseServer::Failed {
            program,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }),
    }
}
