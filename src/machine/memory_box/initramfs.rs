//! The file system that a virtual machine starts with: an archive in cpio's `newc` format, which
//! the kernel unpacks into memory.
//!
//! The format is described in the kernel's `driver-api/early-userspace/buffer-format`: for every
//! entry a head of 6 + 13 * 8 hexadecimal digits, the name and the contents, each padded to 4.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Unavailable;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;
/// Major and minor number of `/dev/console`, which the kernel opens for its first process.
const CONSOLE: (u32, u32) = (5, 1);
const LAST: &str = "TRAILER!!!";

/// An archive that is being written.
#[derive(Debug)]
pub(super) struct Archive<W: Write> {
    output: W,
    entries: u32,
    folders: BTreeSet<PathBuf>,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(output: W) -> Self {
        Self {
            output,
            entries: 0,
            folders: BTreeSet::new(),
        }
    }

    /// A folder, and those above it, unless they are there.
    pub(super) fn folder(&mut self, path: &Path) -> io::Result<()> {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for folder in above {
            if folder.parent().is_some() && self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, (0, 0), &[])?;
            }
        }
        Ok(())
    }

    /// A file that may be run.
    pub(super) fn file(&mut self, path: &Path, contents: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        self.entry(path, PROGRAM, (0, 0), contents)
    }

    /// `/dev/console`.
    pub(super) fn console(&mut self) -> io::Result<()> {
        self.folder(Path::new("/dev"))?;
        self.entry(Path::new("/dev/console"), CHARACTER_DEVICE, CONSOLE, &[])
    }

    /// Write the end.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry(Path::new(LAST), 0, (0, 0), &[])?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn entry(
        &mut self,
        path: &Path,
        mode: u32,
        device: (u32, u32),
        contents: &[u8],
    ) -> io::Result<()> {
        let name = path.to_string_lossy();
        let name = name.trim_start_matches('/');
        let too_large = |_| io::Error::other(format!("{name} is too large for an archive"));
        let size = u32::try_from(contents.len()).map_err(too_large)?;
        let name_size = u32::try_from(name.len() + 1).map_err(too_large)?;
        self.entries += 1;
        let links = 1;
        let fields = [
            self.entries,
            mode,
            0,
            0,
            links,
            0,
            size,
            0,
            0,
            device.0,
            device.1,
            name_size,
            0,
        ];
        self.output.write_all(b"070701")?;
        for field in fields {
            write!(self.output, "{field:08X}")?;
        }
        write!(self.output, "{name}\0")?;
        self.pad(6 + 13 * 8 + name.len() + 1)?;
        self.output.write_all(contents)?;
        self.pad(contents.len())
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        let missing = written.next_multiple_of(4) - written;
        self.output.write_all(&[0; 3][..missing])
    }
}

/// The shared libraries that `program` is loaded with, its loader among them; none when it is
/// static.
///
/// # Errors
/// When `ldd` is not there, or finds one missing.
pub(super) fn libraries(program: &Path) -> Result<Vec<PathBuf>, Unavailable> {
    let output = Command::new("ldd").arg(program).output().map_err(|error| {
        Unavailable::because(format!("ldd cannot be run: {error}")).with_hint(
            "install it (apt-get install libc-bin), or build labrat with scripts/build.sh",
        )
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    if text.contains("statically linked") || said.contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        let reason = format!(
            "a library of {} is missing: {}",
            program.display(),
            line.trim()
        );
        return Err(Unavailable::because(reason));
    }
    Ok(paths(&text))
}

/// `libm.so.6 => /lib/libm.so.6 (0x7f)` or `/lib64/ld-linux.so.2 (0x7f)`: the paths.
fn paths(ldd: &str) -> Vec<PathBuf> {
    let words = ldd.lines().flat_map(str::split_whitespace);
    words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// Pack a program where the guest finds it, together with its libraries where its loader does.
///
/// # Errors
/// When one of them cannot be read or the archive cannot be written.
pub(super) fn pack_program<W: Write>(
    archive: &mut Archive<W>,
    program: &Path,
    inside: &Path,
) -> Result<(), Unavailable> {
    let failed = |path: &Path, error: &io::Error| {
        Unavailable::because(format!("{} cannot be packed: {error}", path.display()))
    };
    let mut pack = |from: &Path, to: &Path| {
        let contents = fs::read(from).map_err(|error| failed(from, &error))?;
        archive
            .file(to, &contents)
            .map_err(|error| failed(from, &error))
    };
    pack(program, inside)?;
    for library in libraries(program)? {
        pack(&library, &library)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_what_the_kernel_unpacks() {
        let mut archive = Archive::new(Vec::new());
        archive.console().unwrap();
        archive.file(Path::new("/a/b/c"), b"hello").unwrap();
        archive.folder(Path::new("/a")).unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let heads: Vec<&str> = text.split("070701").skip(1).collect();
        let names = ["dev", "dev/console", "a", "a/b", "a/b/c", LAST];
        assert_eq!(heads.len(), names.len(), "each entry once");
        for (head, name) in heads.iter().zip(names) {
            assert!(head[13 * 8..].starts_with(&format!("{name}\0")), "{head}");
        }
        assert_eq!(&heads[1][8..16], "00002180");
        assert_eq!(&heads[1][9 * 8..11 * 8], "0000000500000001");
        assert_eq!(&heads[4][6 * 8..7 * 8], "00000005");
        assert!(heads[4].contains("hello\0\0\0"));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn the_kernels_own_tool_can_read_it_where_it_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("archive");
        let mut archive = Archive::new(fs::File::create(&file).unwrap());
        archive.file(Path::new("/lib/x"), b"1234567").unwrap();
        archive.finish().unwrap();
        let listed = Command::new("cpio")
            .args(["--list", "--quiet", "--file"])
            .arg(&file)
            .output();
        if let Ok(output) = listed {
            assert_eq!(String::from_utf8_lossy(&output.stdout), "lib\nlib/x\n");
        }
    }

    #[test]
    fn libraries_are_read_off_the_loaders_list() {
        let text = "\tlinux-vdso.so.1 (0x7f)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libm.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(paths(text), expected.map(PathBuf::from));
        assert!(
            libraries(Path::new("/no/such/program"))
                .unwrap_or_default()
                .is_empty()
        );
    }
}
