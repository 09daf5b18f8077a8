//! The start script that the platform makes of a startup command.
//!
//! It changes into the site's folder, puts that at the end of `PATH`, and holds the command as it
//! was typed, or the text of the file that was named. A shell runs it as process 1, so TERM ends
//! there unless the command says `exec`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::command;

/// The folder of the site in its home.
pub(super) const WWWROOT: &str = "site/wwwroot";

/// What the platform gives a command that it makes up itself.
const DEFAULT_ARGUMENTS: &str = "--timeout 600 --access-logfile '-' --error-logfile '-'";

/// Files that the platform takes for a Flask application, in its order.
const FLASK_FILES: [&str; 4] = ["application.py", "app.py", "index.py", "server.py"];

/// Runs of these permissions say that a file may be executed.
const RUN_BITS: u32 = 0o111;

/// A start script in the making.
#[derive(Debug)]
pub(super) struct StartScript<'a> {
    /// The startup command as it was configured.
    pub(super) told: &'a str,
    /// The site's home on this machine.
    pub(super) home: &'a Path,
    /// The same folder as the container sees it.
    pub(super) home_inside: &'a Path,
    /// The port that the site is told to listen on.
    pub(super) port: u16,
}

impl StartScript<'_> {
    /// What the container runs: the command, the text of the file that it names, or what the
    /// platform finds in the folder where there is no command.
    pub(super) fn content(&self) -> String {
        let wwwroot = self.home.join(WWWROOT);
        let told = self.told.trim();
        if told.is_empty() {
            return default_command(&wwwroot, self.port);
        }
        let words = command::split(told).unwrap_or_default();
        let Some(file) = words.first().and_then(|word| self.file(word)) else {
            return self.told.to_owned();
        };
        make_executable(&file);
        match (words.len(), fs::read_to_string(&file)) {
            (1, Ok(text)) if is_for_this_shell(&text) => text,
            _ => self.told.to_owned(),
        }
    }

    /// The whole script around its content.
    pub(super) fn around(&self, content: &str) -> String {
        let wwwroot = quoted(&self.home_inside.join(WWWROOT));
        format!("#!/bin/sh\ncd {wwwroot}\nexport PATH=\"$PATH\":{wwwroot}\n\n{content}\n")
    }

    /// The file of the package that a word names.
    fn file(&self, word: &str) -> Option<PathBuf> {
        let named = Path::new(word);
        let path = match named.strip_prefix(self.home_inside) {
            Ok(below) => self.home.join(below),
            Err(_) => self.home.join(WWWROOT).join(named),
        };
        path.is_file().then_some(path)
    }
}

/// A ZIP package often loses the bit that says that a file may be run.
fn make_executable(file: &Path) {
    let Ok(metadata) = fs::metadata(file) else {
        return;
    };
    let mode = metadata.permissions().mode();
    if mode & RUN_BITS != RUN_BITS {
        // Where it cannot be set, the shell says what is wrong.
        let _ = fs::set_permissions(file, fs::Permissions::from_mode(mode | RUN_BITS));
    }
}

/// Whether a file's text is what the start script's own shell would make of it.
fn is_for_this_shell(text: &str) -> bool {
    match text.lines().next().and_then(|line| line.strip_prefix("#!")) {
        Some(interpreter) => matches!(interpreter.trim(), "/bin/sh" | "/usr/bin/env sh"),
        None => true,
    }
}

/// The command of a site that was given none.
fn default_command(wwwroot: &Path, port: u16) -> String {
    let arguments = |workers: &str| format!("{DEFAULT_ARGUMENTS}{workers} --bind=0.0.0.0:{port}");
    let by_cores = " --workers=$((NUM_CORES * 2 + 1))";
    match module(wwwroot) {
        Some(module) => format!(
            "GUNICORN_CMD_ARGS=\"{}\" gunicorn {module}",
            arguments(by_cores)
        ),
        None => format!(
            "GUNICORN_CMD_ARGS=\"{}\" labrat serve app:app",
            arguments("")
        ),
    }
}

/// The module that the platform finds: Django's before Flask's.
fn module(wwwroot: &Path) -> Option<String> {
    let mut folders: Vec<PathBuf> = fs::read_dir(wwwroot)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("wsgi.py").is_file())
        .collect();
    folders.sort();
    let django = folders.first().and_then(|folder| folder.file_name());
    if let Some(name) = django {
        return Some(format!("{}.wsgi", name.to_string_lossy()));
    }
    let flask = FLASK_FILES
        .into_iter()
        .find(|file| wwwroot.join(file).is_file())?;
    Some(format!("{}:app", flask.trim_end_matches(".py")))
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site(tempfile::TempDir);

    impl Site {
        fn with(files: &[(&str, &str)]) -> Self {
            let site = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = site.0.path().join(WWWROOT).join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            site
        }

        fn script<'a>(&'a self, told: &'a str) -> StartScript<'a> {
            StartScript {
                told,
                home: self.0.path(),
                home_inside: Path::new("/home"),
                port: 8000,
            }
        }
    }

    #[test]
    fn a_command_stands_in_the_script_as_it_was_typed() {
        let site = Site::with(&[]);
        let told = "gunicorn --bind=0.0.0.0 --workers $((($NUM_CORES*2)+1)) 'a b'";
        let script = site.script(told);
        let text = script.around(&script.content());
        assert_eq!(
            text,
            format!(
                "#!/bin/sh\ncd '/home/site/wwwroot'\nexport PATH=\"$PATH\":'/home/site/wwwroot'\n\n{told}\n"
            )
        );
    }

    #[test]
    fn a_file_of_the_package_is_run_by_its_content_and_gets_its_run_bit_back() {
        let sh = "#!/bin/sh\nexec labrat serve app:app\n";
        let site = Site::with(&[
            ("startup.sh", sh),
            ("startup.txt", "gunicorn app:app"),
            ("start.py", "#!/usr/bin/env python3\n"),
        ]);
        for (told, expected) in [
            ("startup.sh", sh),
            ("./startup.sh", sh),
            ("/home/site/wwwroot/startup.sh", sh),
            ("startup.txt", "gunicorn app:app"),
            // Not this shell's: it is run, not read.
            ("start.py", "start.py"),
            ("startup.sh --now", "startup.sh --now"),
            ("absent.sh", "absent.sh"),
        ] {
            assert_eq!(site.script(told).content(), expected, "{told}");
        }
        let mode = |name: &str| {
            let path = site.0.path().join(WWWROOT).join(name);
            fs::metadata(path).unwrap().permissions().mode()
        };
        assert_eq!(mode("startup.sh") & RUN_BITS, RUN_BITS);
        assert_eq!(mode("start.py") & RUN_BITS, RUN_BITS);
    }

    #[test]
    fn without_a_command_the_platform_looks_for_django_then_flask_then_its_own() {
        for (files, expected) in [
            (&["shop/wsgi.py", "app.py"][..], " gunicorn shop.wsgi"),
            (
                &["app.py", "application.py"][..],
                " gunicorn application:app",
            ),
            (&["server.py"][..], " gunicorn server:app"),
            (&["readme.md"][..], " labrat serve app:app"),
        ] {
            let files: Vec<_> = files.iter().map(|name| (*name, "")).collect();
            let content = Site::with(&files).script("  ").content();
            assert!(content.ends_with(expected), "{content}");
            assert!(content.contains("--bind=0.0.0.0:8000"), "{content}");
        }
    }
}
