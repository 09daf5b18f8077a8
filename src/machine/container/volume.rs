//! A home of a bounded size: a file system in memory, mounted over the site's folder where its
//! containers look, and nowhere else.
//!
//! A process of its own, the keeper, has the mount in a mount namespace of its own; containers enter
//! that before they make theirs. So what one writes the next finds, as on the platform's share, and
//! with the keeper everything is gone, however it ends.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::geteuid;

use super::namespaces::{NamespaceError, bind, in_a_user_namespace, make_private, system};
use crate::machine::own_files;

/// Why there is no home of that size.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// No namespace or no mount can be had.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// What was in the folder cannot be taken over.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn file(path: &Path) -> impl Fn(io::Error) -> VolumeError {
    move |source| VolumeError::File {
        path: path.to_owned(),
        source,
    }
}

/// Mount a home of so many megabytes over `folder`, with what is in it, in a mount namespace that is
/// this process's alone: it is there as long as this process.
///
/// # Errors
/// When this machine makes no such namespace or mount, or the folder does not fit.
pub fn mount_home(folder: &Path, megabytes: u64) -> Result<(), VolumeError> {
    match geteuid().is_root() {
        true => unshare(CloneFlags::CLONE_NEWNS).map_err(system("unshare", "mounts"))?,
        false => in_a_user_namespace(CloneFlags::CLONE_NEWNS)?,
    }
    make_private()?;
    let beside = folder.with_extension("volume");
    own_files::make_folder(&beside).map_err(file(&beside))?;
    let size = format!("size={megabytes}m,mode=755");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("labrat"),
        &beside,
        Some("tmpfs"),
        flags,
        Some(size.as_str()),
    )
    .map_err(system("mount", &beside))?;
    copy(folder, &beside)?;
    bind(&beside, folder)?;
    Ok(())
}

/// Everything in a folder but links, which may lead anywhere.
fn copy(from: &Path, to: &Path) -> Result<(), VolumeError> {
    for entry in fs::read_dir(from).map_err(file(from))? {
        let entry = entry.map_err(file(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(file(&source))?;
        if kind.is_dir() {
            fs::create_dir(&target).map_err(file(&target))?;
            copy(&source, &target)?;
        } else if kind.is_file() {
            fs::copy(&source, &target).map_err(file(&source))?;
        }
    }
    Ok(())
}

/// Enter the namespaces of a keeper.
pub(super) fn enter(keeper: u32) -> Result<(), NamespaceError> {
    let open = |kind: &str| {
        let path = format!("/proc/{keeper}/ns/{kind}");
        File::open(&path).map_err(|source| NamespaceError::File {
            path: path.into(),
            source,
        })
    };
    if !geteuid().is_root() {
        setns(open("user")?, CloneFlags::CLONE_NEWUSER).map_err(system("setns", "user"))?;
    }
    let entered: Result<(), Errno> = setns(open("mnt")?, CloneFlags::CLONE_NEWNS);
    entered.map_err(system("setns", "mounts"))
}
