//! Files and folders that belong to this user.
//!
//! Several users share a machine, and a folder for temporary files is everybody's: what has a known
//! name there may be a link, a pipe, or another user's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Make a folder, and those above it, that its user alone may enter. One that is there stays as it is.
///
/// # Errors
/// When it cannot be made, or is no folder.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether `path` is a folder of this user, and no link, that not everybody may write to.
///
/// # Errors
/// When it cannot be looked at, or is anything else: the words say what.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let refused = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !metadata.is_dir() {
        refused("not a folder".to_owned())
    } else if metadata.uid() != nix::unistd::geteuid().as_raw() {
        refused(format!(
            "another user's folder (user {}), who could put links into it",
            metadata.uid()
        ))
    } else if metadata.mode() & 0o002 != 0 {
        refused("everybody may write to it, and could put links into it".to_owned())
    } else {
        Ok(())
    }
}

/// Remove a folder with all that is in it, the file `last` at the end: who is killed half-way leaves a
/// folder that still says what it is.
///
/// # Errors
/// When something cannot be removed.
pub fn remove_folder(folder: &Path, last: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == last {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    match fs::remove_file(folder.join(last)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::remove_dir(folder),
    }
}

/// Open for reading what is a regular file of this user at this moment: no link is followed, and
/// no pipe is waited for.
///
/// # Errors
/// When it is anything else, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    let metadata = file.metadata()?;
    match metadata.is_file() && metadata.uid() == nix::unistd::geteuid().as_raw() {
        true => Ok(file),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "not a regular file of this user",
        )),
    }
}

/// Read a text that a person named, be it by a link: a regular file of `most` bytes at most.
///
/// # Errors
/// When it is anything else, too large, or no UTF-8; the words say which.
pub fn read_named_text(path: &Path, most: u64) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    let bytes = file.take(most + 1).read_to_string(&mut text)?;
    if bytes as u64 > most {
        let why = format!("larger than {} KiB, which no such file is", most >> 10);
        return Err(io::Error::other(why));
    }
    Ok(text)
}

/// How to write to a file that its user alone may read, and that is no link.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_folder_is_this_users_or_refused_with_a_reason() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        make_folder(&folder).unwrap();
        for path in [&folder, &parent.path().join("a")] {
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        }
        check_folder(&folder).unwrap();
        let link = parent.path().join("link");
        symlink(&folder, &link).unwrap();
        assert!(check_folder(&link).is_err());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = check_folder(&folder).unwrap_err().to_string();
        assert!(refused.contains("everybody may write"), "{refused}");
        if nix::unistd::geteuid().is_root() {
            let nobody = Some(65_534);
            std::os::unix::fs::chown(&folder, nobody, nobody).unwrap();
            let refused = check_folder(&folder).unwrap_err().to_string();
            assert!(refused.contains("another user's"), "{refused}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_removed_whole_still_says_what_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("folder");
        make_folder(&folder.join("a/b")).unwrap();
        for name in ["a/file", "last", "z"] {
            fs::write(folder.join(name), "").unwrap();
        }
        symlink(parent.path(), folder.join("link")).unwrap();
        // A folder in the place of the file that goes at the end stops the removal there.
        assert!(remove_folder(&folder, "a").is_err());
        assert!(folder.join("a/file").exists() && !folder.join("z").exists());
        remove_folder(&folder, "last").unwrap();
        assert!(!folder.exists() && parent.path().exists());
    }

    #[test]
    fn a_link_is_not_followed_and_a_pipe_is_not_waited_for() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        fs::write(path("file"), "content").unwrap();
        assert!(open(&path("file")).is_ok());
        symlink(path("file"), path("link")).unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "pipe", "."] {
            assert!(open(&path(name)).is_err(), "{name}");
        }
        let written = private().write(true).create(true).open(path("link"));
        assert!(written.is_err());
        assert_eq!(fs::read_to_string(path("file")).unwrap(), "content");
    }

    #[test]
    fn a_named_text_is_a_file_of_a_bounded_size() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        fs::write(path("text"), "x".repeat(2048)).unwrap();
        symlink(path("text"), path("link")).unwrap();
        assert_eq!(read_named_text(&path("link"), 2048).unwrap().len(), 2048);
        let refused = read_named_text(&path("text"), 2047).unwrap_err();
        assert!(refused.to_string().contains("larger than"), "{refused}");
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [path("pipe"), "/dev/zero".into(), path("nothing")] {
            assert!(read_named_text(&path, 10).is_err(), "{}", path.display());
        }
    }
}
