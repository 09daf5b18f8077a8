//! How a container begins: on this machine as it is, or in a memory box.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Command;

use super::command;
use crate::host::{HostError, supervisor};
use crate::machine::Unavailable;
use crate::machine::memory_box::{Inside, MemoryBox};

/// Variables that name folders of this machine, which a virtual machine does not have.
const FOLDERS_OF_THIS_MACHINE: [&str; 3] = ["HOME", "PATH", "XDG_RUNTIME_DIR"];

/// What is started, and where it is reached.
#[derive(Debug)]
pub(super) struct Inner<'a> {
    /// The startup command as it was configured.
    pub(super) told: &'a str,
    /// The port that the site is told to listen on.
    pub(super) port: u16,
    /// The container's own address.
    pub(super) address: SocketAddr,
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// The words for the supervisor that start a command in its box.
///
/// # Errors
/// When the box does not take the command.
pub(super) fn words(
    memory_box: Option<&MemoryBox>,
    inner: &Inner<'_>,
) -> Result<Vec<OsString>, HostError> {
    let translated = || {
        let translated = command::translate(inner.told, inner.port, inner.address);
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command::for_shell(&translated));
        shell
    };
    let before = || vec![OsString::from("--")];
    match memory_box.map(MemoryBox::inside) {
        None => Ok(with(before(), &translated())),
        Some(Inside::Cgroup(cgroup)) => Ok(with(before(), &cgroup.enter_command(&translated()))),
        Some(Inside::Vm(vm)) => {
            let labrat = without_a_shell(inner).map_err(HostError::MemoryBox)?;
            let emulator = vm
                .enter_command(&labrat, inner.address, inner.port)
                .map_err(HostError::MemoryBox)?;
            let before = vec![OsString::from(supervisor::GUEST), OsString::from("--")];
            Ok(with(before, &emulator))
        }
    }
}

fn with(mut words: Vec<OsString>, command: &Command) -> Vec<OsString> {
    words.push(command.get_program().to_owned());
    words.extend(command.get_args().map(OsString::from));
    words
}

/// The command's own words: a virtual machine holds no shell that could take it apart.
fn without_a_shell(inner: &Inner<'_>) -> Result<Command, Unavailable> {
    let told = inner.told.replace("$PORT", &inner.port.to_string());
    let words = command::split(&told).ok_or_else(|| {
        Unavailable::because("the virtual machine holds no shell, and the command needs one")
            .with_hint("use the cgroup box for such a startup command")
    })?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(Unavailable::because("the startup command is empty"));
    };
    let mut labrat = Command::new(program);
    labrat.args(arguments);
    let own = inner.environment.iter();
    labrat.envs(own.filter(|(name, _)| !FOLDERS_OF_THIS_MACHINE.contains(&name.as_str())));
    // A network of its own, in which the site's port is what it is told.
    labrat.env("PORT", inner.port.to_string());
    Ok(labrat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner<'a>(told: &'a str, environment: &'a BTreeMap<String, String>) -> Inner<'a> {
        Inner {
            told,
            port: 8000,
            address: "127.64.1.2:23456".parse().unwrap(),
            environment,
        }
    }

    #[test]
    fn without_a_box_a_shell_gets_the_translated_command() {
        let none = BTreeMap::new();
        let words = words(None, &inner("labrat serve --bind=0.0.0.0:8000", &none)).unwrap();
        assert_eq!(
            words,
            [
                "--",
                "/bin/sh",
                "-c",
                "exec labrat serve --bind=127.64.1.2:23456"
            ]
        );
    }

    #[test]
    fn a_machine_of_its_own_gets_the_command_as_it_is_and_no_folder_of_this_one() {
        let environment = [("HOME", "/x"), ("PORT", "23456"), ("FLAG", "on")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let command = without_a_shell(&inner("labrat serve -b :$PORT 'a b'", &environment));
        let command = command.unwrap();
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["serve", "-b", ":8000", "a b"]);
        let variables: Vec<_> = command.get_envs().collect();
        assert_eq!(
            variables,
            [
                ("FLAG".as_ref(), Some("on".as_ref())),
                ("PORT".as_ref(), Some("8000".as_ref()))
            ]
        );
        let none = BTreeMap::new();
        let error = without_a_shell(&inner("cd x && labrat serve", &none)).unwrap_err();
        assert!(error.hint().unwrap().contains("cgroup"), "{error}");
    }
}
