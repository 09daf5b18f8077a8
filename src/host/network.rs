//! Whether the containers of a run get networks of their own.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{HostError, HostSettings, Network, supervisor};
use crate::machine::Unavailable;
use crate::machine::container::SocketSource;

/// Choose what the settings leave open. Where there are no namespaces it is said, once.
///
/// # Errors
/// When containers are to have networks of their own and this machine makes none.
pub(super) fn choose(settings: &HostSettings, home: &Path) -> Result<Network, HostError> {
    if settings.network == Network::Loopback {
        return Ok(Network::Loopback);
    }
    match (try_one(&settings.executable, home), settings.network) {
        (Ok(()), _) => Ok(Network::Own),
        (Err(reason), Network::Own) => Err(HostError::NoNamespaces(
            reason.with_hint("run as root, or where user namespaces may be made"),
        )),
        (Err(reason), _) => {
            (settings.notify)(&format!(
                "containers share this machine's network: {}; each gets an address of loopback, \
                 0.0.0.0 and its port in a startup command are rewritten to that, and what a \
                 script or a setting says is not",
                reason.reason()
            ));
            Ok(Network::Loopback)
        }
    }
}

/// Make a container that ends at once.
fn try_one(executable: &Path, home: &Path) -> Result<(), Unavailable> {
    let because = |error: std::io::Error| Unavailable::because(error.to_string());
    // Held until the container has ended.
    let (_source, input) = SocketSource::pair().map_err(because)?;
    let tried = Command::new(executable)
        .args([supervisor::COMMAND, supervisor::NAMESPACES])
        .arg(home)
        .args(["--", "/bin/sh", "-c", ":"])
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(because)?;
    if tried.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&tried.stderr);
    let reason = said.trim().trim_start_matches("error: ");
    Err(Unavailable::because(reason.to_owned()))
}
