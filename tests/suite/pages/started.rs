//! What bash would start for a piece of shell: it runs it, with programs in place of the real ones
//! that only write down their words.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use crate::harness::{root, write_program};

/// Programs that are not this project's and that a page may start.
const OTHERS: [&str; 17] = [
    "apt-get",
    "az",
    "base64",
    "cargo",
    "cp",
    "curl",
    "docker",
    "grep",
    "kind",
    "kubectl",
    "labrat",
    "locust",
    "openssl",
    "rm",
    "rustup",
    "sha256sum",
    "tar",
];

/// Each started program: its name and its words.
pub(super) type Words = Vec<String>;

/// A folder in which nothing is real.
pub(super) struct Nowhere {
    folder: tempfile::TempDir,
}

impl Nowhere {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = folder.path().join("recorder");
        let text = "#!/bin/bash\nprintf '%s\\0' \"$#\" \"$0\" \"$@\" >>\"$RECORD\"\n";
        write_program(&recorder, text);
        let (programs, scripts) = (folder.path().join("bin"), folder.path().join("scripts"));
        fs::create_dir_all(&programs).unwrap();
        fs::create_dir_all(scripts.join("load")).unwrap();
        for name in OTHERS {
            symlink(&recorder, programs.join(name)).unwrap();
        }
        for entry in fs::read_dir(root().join("scripts")).unwrap().flatten() {
            let runs = entry.metadata().unwrap().permissions().mode() & 0o111 != 0;
            if runs && entry.path().is_file() {
                symlink(&recorder, scripts.join(entry.file_name())).unwrap();
            }
        }
        Self { folder }
    }

    /// What this piece of shell starts, or why it does not run.
    pub(super) fn starts(&self, shell: &str) -> Result<Vec<Words>, String> {
        let record = self.folder.path().join("record");
        fs::write(&record, "").unwrap();
        let output = Command::new("/bin/bash")
            .args(["-e", "-c", shell])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("RECORD", &record)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if !output.status.success() || !output.stderr.is_empty() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(commands(
            &fs::read_to_string(&record).unwrap(),
            &self.folder,
        ))
    }
}

/// The record as words; a program is called as the page calls it.
fn commands(record: &str, folder: &tempfile::TempDir) -> Vec<Words> {
    let bin = format!("{}/bin/", folder.path().display());
    let mut fields = record.split_terminator('\0');
    let mut started = Vec::new();
    while let Some(count) = fields.next() {
        let count: usize = count.parse().unwrap();
        let mut words: Words = fields.by_ref().take(count + 1).map(str::to_owned).collect();
        words[0] = words[0].replace(&bin, "");
        started.push(words);
    }
    started
}

#[test]
fn bash_itself_splits_the_words_and_finds_what_is_not_there() {
    let nowhere = Nowhere::new();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Words>();
    assert_eq!(
        nowhere
            .starts("labrat a 'b c' \\\n  d # e\nscripts/fix.sh \"\" >out && az x")
            .unwrap(),
        [
            words(&["labrat", "a", "b c", "d"]),
            words(&["scripts/fix.sh", ""]),
            words(&["az", "x"])
        ]
    );
    for (shell, why) in [
        ("scripts/fxi.sh a", "scripts/fxi.sh: No such file"),
        ("labrta host", "labrta: command not found"),
        ("labrat 'host", "unexpected EOF"),
    ] {
        let refused = nowhere.starts(shell).unwrap_err();
        assert!(refused.contains(why), "{shell}: {refused}");
    }
}
