//! startup-failed.

use super::{steps, topology};
use crate::scenario::rules;
use crate::scenario::shape::{
    Action, Change, Estimate, Misreading, Needs, Plan, Scenario, Topology, Variation,
};

const RIGHT_COMMAND: &str = "labrat serve --bind=0.0.0.0:8000 --timeout=120 app:app";
const RIGHT: Change = Change::sync_workers(RIGHT_COMMAND, 1, 120);

/// startup-failed, as data.
pub const STARTUP_FAILED: Scenario = Scenario {
    title: "The deployment succeeded and the site does not start",
    incident: "The deployment is reported as successful, and the site answers 503 or nothing. The \
               package is whole; the startup command names a module that is not in it, so that \
               every worker dies at boot.",
    plays: "the lab `deployment-succeeded-startup-failed`",
    topology: Topology {
        workers: 1,
        ..topology(
            "labrat serve --bind=0.0.0.0:8000 --timeout=120 wrong_module:app",
            &[],
        )
    },
    starts_down: true,
    steps: &steps(Action::SetStartupCommand {
        command: RIGHT_COMMAND,
    }),
    recorded: &[
        "The deployment was accepted (202, then 200).",
        "Two requests were answered 503 after 38,965 and 37,700 ms; three clients gave up (499).",
        "The console says `No module named 'wrong_module'` and `Worker failed to boot.`",
        "The platform noted exit code 3, and that the container did not start within 230 s.",
        "After the command was mended the probes gave 000, 000, 000, 200, and /diag/stats told of \
         a fresh process.",
    ],
    rules: &rules::STARTUP_FAILED,
    misreadings: &[
        Misreading {
            claim: "The platform says that the container did not start within 230 s: it is slow.",
            answer: "It exited within a minute, with code 3. The sentence with the limit is written \
                     whatever the cause.",
        },
        Misreading {
            claim: "The deployment succeeded, so the package is running.",
            answer: "A deployment ends when the files are in place. Whether they start is another \
                     matter, with another log.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "right-command",
        what: "Name the module that is in the package.",
        changes: &[RIGHT],
    }],
    control: Variation {
        name: "control",
        what: "The right command from the beginning.",
        changes: &[RIGHT],
    },
    needs: Needs {
        plan: Some(Plan::B1),
        also: "somebody, or a script, that changes the startup command when told to",
    },
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
