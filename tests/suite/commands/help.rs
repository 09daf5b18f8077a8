//! Help, version and completions come from the same definition as the reading.

use std::process::Command;

use labrat::cli::{Exit, command};
use labrat::serve::settings::flags::{FLAGS, Meaning};

use super::{labrat, stderr, stdout};
use crate::harness::skip_unless;

#[test]
fn every_command_is_in_the_help_and_has_a_help_with_an_example() {
    let output = labrat(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = command();
    for subcommand in shown.get_subcommands().filter(|one| !one.is_hide_set()) {
        let name = subcommand.get_name();
        assert!(stdout(&output).contains(&format!("\n  {name} ")), "{name}");
        let help = labrat(&[name, "--help"]);
        assert_eq!((help.status.code(), stderr(&help)), (Some(0), ""), "{name}");
        assert!(
            stdout(&help).contains(&format!("Example: labrat {name} ")),
            "{name} has no example"
        );
    }
    for exit in Exit::ALL {
        assert!(
            stdout(&output).contains(&format!(" {}  {}\n", exit.code(), exit.meaning())),
            "{exit:?}"
        );
    }
}

#[test]
fn the_help_of_serve_shows_every_flag_with_a_meaning_and_no_other() {
    let output = labrat(&["serve", "--help"]);
    for flag in FLAGS {
        let shown = stdout(&output).contains(&format!("{} ", flag.long()))
            || stdout(&output).contains(&format!("{}\n", flag.long()));
        assert_eq!(
            shown,
            matches!(flag.meaning, Meaning::Acts(_)) && flag.key != "version",
            "{}",
            flag.long()
        );
    }
}

#[test]
fn the_version_is_one_line_on_standard_output() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        stdout(&labrat(&["--version"])),
        format!("labrat {version}\n")
    );
    assert_eq!(
        stdout(&labrat(&["serve", "--version"])),
        format!("labrat (version {version})\n")
    );
}

#[test]
fn a_completion_script_knows_the_commands_and_the_flags_of_serve() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = labrat(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["serve", "probe", "graceful-timeout"] {
            assert!(
                stdout(&output).contains(word),
                "{shell} does not know {word}"
            );
        }
    }
    assert_eq!(labrat(&["completions", "tcsh"]).status.code(), Some(2));
}

/// Every command that help shows, with the name of its page.
fn pages(command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    found.push((format!("{name}.1"), command.clone()));
    for below in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        pages(below, found);
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_flags_that_groff_takes() {
    let folder = tempfile::tempdir().unwrap();
    let output = labrat(&["man", folder.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
    let mut built = command();
    built.build();
    let mut wanted = Vec::new();
    pages(&built, &mut wanted);
    assert!(wanted.len() > 20, "{} pages", wanted.len());
    for (name, command) in &wanted {
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let plain = page.replace('\\', "");
        for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
            let long = flag.get_long().map(|long| format!("--{long}"));
            assert!(
                long.iter().all(|long| plain.contains(long)),
                "{name}: {long:?}"
            );
        }
    }
    let written = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(written, wanted.len(), "a page of a hidden command");
    let groff = Command::new("groff").arg("--version").output();
    if skip_unless(groff.map(|_| ()).map_err(|error| format!("groff: {error}"))) {
        return;
    }
    let files = wanted.iter().map(|(name, _)| folder.path().join(name));
    let output = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-z"])
        .args(files)
        .output()
        .unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
}
