//! The namespaces of a container, made by the process that calls.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::{ADDRESS, HOME};
use crate::machine::interface;

/// Why this machine makes no namespaces.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// A system call.
    #[error("{call} {}: {errno}", subject.display())]
    System {
        /// Which.
        call: &'static str,
        /// What it was about.
        subject: PathBuf,
        /// What it said.
        errno: Errno,
    },
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

pub(super) fn system(
    call: &'static str,
    subject: impl AsRef<Path>,
) -> impl Fn(Errno) -> NamespaceError {
    move |errno| NamespaceError::System {
        call,
        subject: subject.as_ref().to_owned(),
        errno,
    }
}

fn write(path: &str, text: &str) -> Result<(), NamespaceError> {
    fs::write(path, text).map_err(|source| NamespaceError::File {
        path: path.into(),
        source,
    })
}

/// Leave this machine's network, mounts and, for children, process tree. `home` becomes `/home`.
///
/// Whoever is not root becomes no root by this: it keeps its user, in a user namespace of its own.
pub(super) fn leave(home: Option<&Path>) -> Result<(), NamespaceError> {
    let wanted = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    match geteuid().is_root() {
        true => unshare(wanted).map_err(system("unshare", "/"))?,
        false => in_a_user_namespace(wanted)?,
    }
    interface::bring_up_loopback(ADDRESS.octets()).map_err(system("netlink", "lo"))?;
    make_private()?;
    home.map_or(Ok(()), move_in)
}

/// Make namespaces as somebody who is not root, and stays who it is.
pub(super) fn in_a_user_namespace(wanted: CloneFlags) -> Result<(), NamespaceError> {
    let (user, group) = (geteuid(), getegid());
    unshare(wanted | CloneFlags::CLONE_NEWUSER).map_err(system("unshare", "user"))?;
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    write("/proc/self/gid_map", &format!("{group} {group} 1"))
}

/// What is mounted from now on is nobody else's to see.
pub(super) fn make_private() -> Result<(), NamespaceError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(system("make private", "/"))
}

/// Put the site's folder at `/home`. What this machine has there stays to be seen beside it: the
/// program, or an interpreter, may be in somebody's home.
fn move_in(home: &Path) -> Result<(), NamespaceError> {
    for entry in fs::read_dir(HOME).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let place = home.join(entry.file_name());
        match fs::create_dir(&place) {
            Ok(()) => {}
            // The site's own folder, or made for a container before this one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut inside = fs::read_dir(&place).into_iter().flatten();
                if inside.next().is_some() {
                    continue;
                }
            }
            Err(source) => {
                return Err(NamespaceError::File {
                    path: place,
                    source,
                });
            }
        }
        bind(&entry.path(), &place)?;
    }
    bind(home, Path::new(HOME))
}

pub(super) fn bind(from: &Path, to: &Path) -> Result<(), NamespaceError> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>).map_err(system("bind to", to))
}

/// Show the processes of this namespace in `/proc`; for its first process.
pub(super) fn show_processes() -> Result<(), NamespaceError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
        .map_err(system("mount", "/proc"))
}
