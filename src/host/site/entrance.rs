//! How a container begins: in namespaces of its own or on loopback, in a memory box or without one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::command;
use super::startup::StartScript;
use crate::host::{HostError, supervisor};
use crate::machine::memory_box::{Inside, MemoryBox};
use crate::machine::{Unavailable, own_files};

/// Variables that name folders of this machine, which a virtual machine does not have.
const FOLDERS_OF_THIS_MACHINE: [&str; 3] = ["HOME", "PATH", "XDG_RUNTIME_DIR"];

/// A process 1 of a container has no default actions; a shell that is not process 1 must be told
/// to outlive TERM. What it starts, and what takes its place, is not told.
const LIKE_PROCESS_ONE: &str = "trap : TERM\n";

/// How a container is parted from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// By namespaces.
    Namespaces,
    /// By an address of its own on loopback.
    Loopback(SocketAddr),
    /// By being a virtual machine, one port of which is forwarded from this address.
    VirtualMachine(SocketAddr),
}

/// What is started.
#[derive(Debug)]
pub(super) struct Inner<'a> {
    pub(super) script: StartScript<'a>,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) parting: Parting,
    /// Who keeps the home, where it has a size of its own.
    pub(super) home_keeper: Option<u32>,
    /// Where the start script is written.
    pub(super) runtime: &'a Path,
    pub(super) grace: Duration,
}

/// The words for the supervisor that start a container.
///
/// # Errors
/// When the box does not take the command, or the start script cannot be written.
pub(super) fn words(
    memory_box: Option<&MemoryBox>,
    inner: &Inner<'_>,
) -> Result<Vec<OsString>, HostError> {
    let grace = inner.grace.as_millis().to_string();
    let mut words = vec![supervisor::GRACE.into(), OsString::from(grace)];
    if inner.parting == Parting::Namespaces {
        words.push(supervisor::NAMESPACES.into());
        words.push(inner.script.home.into());
        if let Some(keeper) = inner.home_keeper {
            words.push(supervisor::HOME_OF.into());
            words.push(keeper.to_string().into());
        }
    }
    let command = match memory_box.map(MemoryBox::inside) {
        None => shell(inner)?,
        Some(Inside::Cgroup(cgroup)) => cgroup.enter_command(&shell(inner)?),
        Some(Inside::Vm(vm)) => {
            words.push(supervisor::GUEST.into());
            let labrat = without_a_shell(inner).map_err(HostError::MemoryBox)?;
            let address = match inner.parting {
                Parting::Loopback(address) | Parting::VirtualMachine(address) => address,
                Parting::Namespaces => SocketAddr::from(([127, 0, 0, 1], inner.script.port)),
            };
            vm.enter_command(&labrat, address, inner.script.port)
                .map_err(HostError::MemoryBox)?
        }
    };
    words.push(OsString::from("--"));
    words.push(command.get_program().to_owned());
    words.extend(command.get_args().map(OsString::from));
    Ok(words)
}

/// Whether the containers of this box are virtual machines.
pub(super) fn is_virtual_machine(memory_box: Option<&MemoryBox>) -> bool {
    matches!(memory_box.map(MemoryBox::inside), Some(Inside::Vm(_)))
}

/// A shell that runs the start script.
fn shell(inner: &Inner<'_>) -> Result<Command, HostError> {
    let content = inner.script.content();
    let content = match inner.parting {
        Parting::Loopback(address) => {
            let translated = command::translate(&content, inner.script.port, address);
            format!("{LIKE_PROCESS_ONE}{translated}")
        }
        _ => content,
    };
    let path = inner.runtime.join("startup.sh");
    let written = own_files::private()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .and_then(|mut file| file.write_all(inner.script.around(&content).as_bytes()));
    written.map_err(|source| HostError::Folder {
        path: path.clone(),
        source,
    })?;
    let mut shell = Command::new("/bin/sh");
    shell.arg(path);
    Ok(shell)
}

/// The command's own words: a virtual machine holds no shell that could take it apart.
fn without_a_shell(inner: &Inner<'_>) -> Result<Command, Unavailable> {
    let port = inner.script.port.to_string();
    let told = inner.script.told.replace("$PORT", &port);
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
    Ok(labrat)
}

/// The port that the container's environment names.
pub(super) fn port_inside(parting: Parting, port: u16) -> u16 {
    match parting {
        Parting::Loopback(address) => address.port(),
        _ => port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner<'a>(
        told: &'a str,
        environment: &'a BTreeMap<String, String>,
        folder: &'a Path,
        parting: Parting,
    ) -> Inner<'a> {
        Inner {
            script: StartScript {
                told,
                home: folder,
                home_inside: folder,
                port: 8000,
            },
            environment,
            parting,
            home_keeper: None,
            runtime: folder,
            grace: Duration::from_secs(5),
        }
    }

    #[test]
    fn on_loopback_a_shell_gets_the_translated_command_and_outlives_term() {
        let (none, folder) = (BTreeMap::new(), tempfile::tempdir().unwrap());
        let parting = Parting::Loopback("127.64.1.2:23456".parse().unwrap());
        let told = "labrat serve --bind=0.0.0.0:8000";
        let inner = inner(told, &none, folder.path(), parting);
        let words = words(None, &inner).unwrap();
        let script = folder.path().join("startup.sh");
        let script_word = script.to_string_lossy();
        assert_eq!(words, ["--grace", "5000", "--", "/bin/sh", &script_word]);
        let text = std::fs::read_to_string(script).unwrap();
        assert!(
            text.ends_with("\ntrap : TERM\nlabrat serve --bind=127.64.1.2:23456\n"),
            "{text}"
        );
    }

    #[test]
    fn in_namespaces_the_command_stays_as_it_was_typed() {
        let (none, folder) = (BTreeMap::new(), tempfile::tempdir().unwrap());
        let told = "labrat serve --bind=0.0.0.0:8000";
        let inner = inner(told, &none, folder.path(), Parting::Namespaces);
        let words = words(None, &inner).unwrap();
        assert_eq!(
            words[2..4],
            ["--namespaces".into(), folder.path().as_os_str().to_owned()]
        );
        let text = std::fs::read_to_string(folder.path().join("startup.sh")).unwrap();
        assert!(text.ends_with(&format!("\n\n{told}\n")), "{text}");
    }

    #[test]
    fn a_machine_of_its_own_gets_the_command_as_it_is_and_no_folder_of_this_one() {
        let environment = [("HOME", "/x"), ("PORT", "8000"), ("FLAG", "on")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let parting = Parting::VirtualMachine("127.64.1.2:23456".parse().unwrap());
        let folder = Path::new("/nowhere");
        let told = "labrat serve -b :$PORT 'a b'";
        let command = without_a_shell(&inner(told, &environment, folder, parting)).unwrap();
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
        let error = without_a_shell(&inner("cd x && labrat serve", &none, folder, parting));
        let error = error.unwrap_err();
        assert!(error.hint().unwrap().contains("cgroup"), "{error}");
    }
}
