//! Ending a container, with the platform's rows in their order.

use std::time::Instant;

use super::container::{Container, GRACE};
use super::log::PlatformLog;
use super::order::Running;
use crate::host::messages::{Action, Details, Level, Message, State};

/// End a container and say so. The container may have ended by itself; the rows are the same.
pub(super) async fn end_container(log: &PlatformLog, container: &Container) {
    let id = container.id();
    let begun = Instant::now();
    log.say_of(id, &Message::ContainerTerminating(GRACE.as_secs()));
    log.say_of(id, &Message::StopAndDelete);
    log.say_of(id, &Message::StoppingContainer(id.to_owned()));
    container.terminate().await;
    log.say_of(id, &Message::DeletingContainer(id.to_owned()));
    log.say_of(
        id,
        &Message::ContainerTerminated(begun.elapsed().as_millis()),
    );
}

/// Stop a serving container and say so.
pub(super) async fn stop_running(log: &PlatformLog, running: Running) {
    let details = Details::StartedAt(running.started_at);
    for action in [Action::StoppingSite, Action::StoppingSiteContainers] {
        log.state(
            State::Stopping,
            action,
            details.clone(),
            Level::Informational,
        );
    }
    running.upstream.close_idle();
    end_container(log, &running.container).await;
    log.say(&Message::SiteStopped);
}
