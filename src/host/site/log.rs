//! Writing the platform's rows of one site.

use std::sync::Arc;

use jiff::Timestamp;

use crate::host::journal::Journal;
use crate::host::messages::{Action, Details, LastError, Level, Message, State};
use crate::tables::{ConsoleRow, PlatformRow, TableRow};

/// The platform's log of one site, with what its messages repeat.
#[derive(Debug, Clone)]
pub(super) struct PlatformLog {
    pub(super) journal: Arc<Journal>,
    /// The site's name in the messages.
    pub(super) site: String,
    /// Name of the machine.
    pub(super) host: String,
    pub(super) last_error: Option<LastError>,
    /// What the next start says of what was before: nothing, that the site was stopped, or blocked.
    pub(super) before: Details,
}

impl PlatformLog {
    /// Write a message about the site.
    pub(super) fn say(&self, message: &Message) {
        self.write(message, None);
    }

    /// Write a message about a container of the site.
    pub(super) fn say_of(&self, container: &str, message: &Message) {
        self.write(message, Some(container));
    }

    /// Write a change of state.
    pub(super) fn state(&self, state: State, action: Action, details: Details, level: Level) {
        self.say(&Message::State(state, action, details, level));
    }

    /// A change of state while starting, of the usual level.
    pub(super) fn starting(&self, action: Action, details: Details) {
        self.state(State::Starting, action, details, Level::Informational);
    }

    fn write(&self, message: &Message, container: Option<&str>) {
        let mut row = PlatformRow::at(Timestamp::now().into());
        row.level = Some(message.level().as_str().to_owned());
        row.message = Some(message.text(&self.site, self.last_error.as_ref()));
        row.host = Some(self.host.clone());
        row.container_id = container.map(str::to_owned);
        row.row_type = Some(PlatformRow::TABLE.to_owned());
        self.journal.platform(&row);
    }

    /// Write a line into the console log in the container's name, as the start script of a
    /// built-in image does.
    pub(super) fn console(&self, container: &str, line: String) {
        let mut row = ConsoleRow::at(Timestamp::now().into());
        row.level = Some(Level::Informational.as_str().to_owned());
        row.result_description = Some(line);
        row.host = Some(self.host.clone());
        row.container_id = Some(container.to_owned());
        row.row_type = Some(ConsoleRow::TABLE.to_owned());
        self.journal.console(&row);
    }
}
