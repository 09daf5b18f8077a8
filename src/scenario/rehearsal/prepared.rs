//! What is done in the folder of every slot before it starts: a database that is there, and how
//! far it is migrated.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::error::RehearsalError;
use super::plan::RehearsalPlan;

/// The folders in which the slots' commands run, below the emulator's.
const FOLDERS: [(&str, &str); 2] = [
    ("production", "home/production/site/wwwroot"),
    ("staging", "home/staging/site/wwwroot"),
];

/// Run every command of the scenario for every slot that it has.
pub(super) async fn prepare(plan: &RehearsalPlan, root: &Path) -> Result<(), RehearsalError> {
    let topology = &plan.scenario.topology;
    for (slot, folder) in FOLDERS {
        if topology.around.prepared.is_empty() || !topology.slots.iter().any(|one| one == slot) {
            continue;
        }
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).map_err(RehearsalError::Folder)?;
        for words in &topology.around.prepared {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(&plan.executable, &words, None, &folder).await?;
        }
    }
    Ok(())
}

/// Run one command of labrat in `folder`, with one variable more in its environment.
pub(super) async fn run(
    executable: &Path,
    words: &[&str],
    variable: Option<(&str, &str)>,
    folder: &Path,
) -> Result<(), RehearsalError> {
    let failed = |why: String| RehearsalError::Prepared {
        command: words.join(" "),
        why,
    };
    let output = Command::new(executable)
        .args(words)
        .envs(variable)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}
