//! wrong-port.

use super::{MINUTE_LIMIT, NEEDS, RIGHT_COMMAND, command, steps, topology};
use crate::scenario::rules;
use crate::scenario::shape::{Action, Estimate, Misreading, Scenario, Variation};

/// wrong-port, as data.
pub const WRONG_PORT: Scenario = Scenario {
    title: "The application runs and nobody finds it",
    incident: "The site answers 503, and its console shows an application that started and listens. \
               It listens on 127.0.0.1, which is the container's own loopback, so that the platform \
               waits for an answer until its limit.",
    plays: "a rival of the lab `deployment-succeeded-startup-failed`: the wrong address or port",
    topology: topology(
        "labrat serve --bind=127.0.0.1:8000 --timeout=120 --workers=2 app:app",
        &[MINUTE_LIMIT],
    ),
    starts_down: true,
    steps: &steps(Action::SetStartupCommand {
        command: RIGHT_COMMAND,
    }),
    recorded: &[],
    rules: &rules::WRONG_PORT,
    misreadings: &[
        Misreading {
            claim: "The console says that it listens on port 8000, so the port is right.",
            answer: "The port is, and the address is not: 127.0.0.1 is reached from inside the \
                     container only.",
        },
        Misreading {
            claim: "It did not start within the time limit, so give it more time.",
            answer: "It started at once. More time makes every failed start longer.",
        },
    ],
    variants: &[Variation {
        name: "other-port",
        what: "Every address, and a port that the platform does not look at.",
        changes: &[command(
            "labrat serve --bind=0.0.0.0:5000 --timeout=120 --workers=2 app:app",
        )],
    }],
    fixes: &[Variation {
        name: "every-address",
        what: "Bind 0.0.0.0 and the port that the platform looks at.",
        changes: &[command(RIGHT_COMMAND)],
    }],
    control: Variation {
        name: "control",
        what: "No address in the command: PORT decides, as the platform sets it.",
        changes: &[command("labrat serve --timeout=120 --workers=2 app:app")],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
