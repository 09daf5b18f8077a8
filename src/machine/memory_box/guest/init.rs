//! The first process of the guest.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, OutputFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use super::super::swap;
use super::{ADDRESS, DRIVERS, ENDED, LABRAT, STARTUP, STOP, Startup};
use crate::machine::child::Ending;
use crate::machine::{interface, sys};

/// The drive that is swapped to.
const SWAP_DRIVE: &str = "/dev/vda";
/// The line that labrat's standard output goes to; the console is its standard error.
const OUTPUT_LINE: &str = "/dev/ttyS1";
/// How long a drive may take to appear after its driver was loaded.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the guest could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It is not the first process: it would mount over a running system.
    #[error("this command is the first process of a virtual machine, and of nothing else")]
    NotFirst,
    /// A file of the guest.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A system call.
    #[error("{call} {subject}: {errno}")]
    System {
        /// Which.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// What it said.
        errno: Errno,
    },
    /// What was packed as startup is none.
    #[error("{STARTUP}: {0}")]
    Startup(#[from] serde_json::Error),
}

/// Make the guest ready, run labrat to its end, and switch the machine off. `say` writes a line
/// to the console.
///
/// # Errors
/// When this is not the first process. In the guest it does not return.
pub fn run(say: &dyn Fn(&str)) -> Result<(), InitError> {
    if Pid::this().as_raw() != 1 {
        return Err(InitError::NotFirst);
    }
    match start().and_then(reap_until) {
        Ok(ending) => say(&format!("{ENDED}{ending}")),
        Err(error) => say(&format!("labrat init: {error}")),
    }
    // Does not return unless it is refused, and then the kernel panics when this process ends.
    reboot(RebootMode::RB_POWER_OFF)
        .map(drop)
        .map_err(|errno| InitError::System {
            call: "reboot",
            subject: "off".to_owned(),
            errno,
        })
}

fn start() -> Result<Pid, InitError> {
    leave_lines_as_they_are(io::stdout());
    for (kind, target) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
    ] {
        let flags = MsFlags::empty();
        mount(Some(kind), target, Some(kind), flags, None::<&str>)
            .map_err(system("mount", target))?;
    }
    load_drivers()?;
    interface::bring_up_card(ADDRESS).map_err(system("netlink", "address"))?;
    let text = fs::read(STARTUP).map_err(file(STARTUP))?;
    let startup: Startup = serde_json::from_slice(&text)?;
    if startup.swaps {
        begin_to_swap()?;
    }
    let child = Command::new(LABRAT)
        .args(&startup.arguments)
        .env_clear()
        .envs([("PATH", "/bin"), ("HOME", "/home"), ("TZ", "UTC")])
        .envs(startup.environment)
        .current_dir("/home")
        .stdin(Stdio::null())
        .stdout(output_line())
        .spawn()
        .map_err(file(LABRAT))?;
    let labrat = Pid::from_raw(child.id().cast_signed());
    std::thread::spawn(move || pass_stop_on(labrat));
    Ok(labrat)
}

/// A machine with one line has the console for everything.
fn output_line() -> Stdio {
    match OpenOptions::new().write(true).open(OUTPUT_LINE) {
        Ok(line) => {
            leave_lines_as_they_are(&line);
            line.into()
        }
        Err(_) => Stdio::inherit(),
    }
}

/// A line turns every line feed into two characters, as for a teletype, and sends what it hears
/// back.
fn leave_lines_as_they_are(line: impl AsFd) {
    if let Ok(mut settings) = tcgetattr(&line) {
        settings.output_flags.remove(OutputFlags::OPOST);
        settings.local_flags.remove(LocalFlags::ECHO);
        // Without it there is a carriage return at the end of each line, and that is all.
        let _ = tcsetattr(&line, SetArg::TCSANOW, &settings);
    }
}

/// Listen on the console for as long as the machine runs.
fn pass_stop_on(labrat: Pid) {
    for line in io::stdin().lines().map_while(Result::ok) {
        if line == STOP {
            // It may have ended in this moment, and then the machine does.
            let _ = kill(labrat, Signal::SIGTERM);
        }
    }
}

fn load_drivers() -> Result<(), InitError> {
    let entries = fs::read_dir(DRIVERS).map_err(file(DRIVERS))?;
    let mut drivers: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    drivers.sort();
    for driver in drivers {
        let opened = fs::File::open(&driver).map_err(file(&driver))?;
        match finit_module(&opened, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(system("finit_module", &driver)(errno)),
        }
    }
    Ok(())
}

fn begin_to_swap() -> Result<(), InitError> {
    let drive = Path::new(SWAP_DRIVE);
    let deadline = Instant::now() + PATIENCE;
    while !drive.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open(drive)
        .map_err(file(drive))?;
    let bytes = io::Seek::seek(&mut &opened, io::SeekFrom::End(0)).map_err(file(drive))?;
    swap::write_header(&opened, bytes).map_err(file(drive))?;
    drop(opened);
    sys::swap_on(drive).map_err(system("swapon", drive))
}

/// Reap every child that ends, until it is `labrat`; how it ended.
fn reap_until(labrat: Pid) -> Result<String, InitError> {
    loop {
        match sys::wait_for_child() {
            Ok((pid, status)) if pid == labrat.as_raw() => match Ending::from_status(status) {
                Some(Ending::Exited(code)) => return Ok(format!("exit code {code}")),
                Some(Ending::Signalled(signal)) => return Ok(format!("signal {}", signal.0)),
                None => {}
            },
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(system("wait", LABRAT)(errno)),
        }
    }
}

fn file(path: impl AsRef<Path>) -> impl Fn(io::Error) -> InitError {
    move |source| InitError::File {
        path: path.as_ref().to_owned(),
        source,
    }
}

fn system(call: &'static str, subject: impl AsRef<Path>) -> impl Fn(Errno) -> InitError {
    move |errno| InitError::System {
        call,
        subject: subject.as_ref().display().to_string(),
        errno,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anywhere_but_in_a_guest_it_refuses_to_touch_anything() {
        let error = run(&|_| panic!("nothing to say")).unwrap_err();
        assert!(matches!(error, InitError::NotFirst), "{error}");
    }
}
