//! A shell script in a network of its own, so that port 8000 is free whatever else runs here.

use std::process::{Command, Stdio};

use super::text;

/// What is in the way of a network and mounts of one's own.
pub(super) fn available() -> Result<(), String> {
    let status = Command::new("unshare")
        .args(["--mount", "--net", "ip", "link", "set", "lo", "up"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("unshare cannot run: {error}"))?;
    match status.status.success() {
        true => Ok(()),
        false => Err(format!(
            "no network of its own (hint: root and iproute2 are needed): {}",
            text(&status.stderr)
        )),
    }
}

/// Run `script` with an empty environment but for PATH, in a network and with mounts of its own.
/// When it ends, so does all that it started. The exit code and all that was said.
pub(super) fn run(script: &str) -> (Option<i32>, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "--propagation", "private"])
        .args(["sh", "-euc"])
        .arg(format!("exec 2>&1\nip link set lo up\n{script}"))
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout))
}

/// Shell: start `server` in the background, wait until `probe` succeeds, run `then`, end the
/// server with TERM, and print how it ended.
pub(super) fn serve_and_probe(server: &str, probe: &str, then: &str) -> String {
    format!(
        "{server} &
        server=$!
        tries=0
        until {probe} 2>/dev/null; do
            kill -0 $server
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done
        {probe}
        {then}
        kill -TERM $server
        code=0
        wait $server || code=$?
        echo \"the server's exit code: $code\""
    )
}
