//! Help, version and completions come from the same definition as the reading.

use labrat::cli::{Exit, command};
use labrat::serve::settings::flags::{FLAGS, Meaning};

use super::{labrat, stderr, stdout};

#[test]
fn every_command_is_in_the_help_and_has_a_help_with_an_example() {
    let output = labrat(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for subcommand in command().get_subcommands() {
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
