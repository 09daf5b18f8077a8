//! A site whose starts failed several times in a row is left alone for a while.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Actor, Orders};
use crate::host::front_end::Routing;
use crate::host::messages::{Action, Details, Level, Message, State};
use crate::host::site::Phase;

/// How long a site is blocked after several failed starts.
const BLOCK: Duration = Duration::from_secs(120);

/// A site that is left alone.
pub(super) struct Block {
    pub(super) until: Instant,
    pub(super) shown: Timestamp,
    /// The order that waits for the end of the block.
    pub(super) pending: Option<u64>,
}

impl Actor {
    pub(super) fn block(&mut self, number: u64) {
        let wait = self.ground.pace.of(BLOCK);
        let shown = Timestamp::now() + wait;
        self.blocked = Some(Block {
            until: Instant::now() + wait,
            shown,
            pending: None,
        });
        self.log.say(&Message::WillBeBlocked(shown));
        self.log.state(
            State::Blocked,
            Action::StoppingSiteNetworks,
            Details::WillBeBlocked(shown),
            Level::Warning,
        );
        self.routing.send_replace(Routing::Blocked);
        self.publish(Phase::Blocked { until: shown }, Some(number));
    }

    /// Somebody wants a start while the site is blocked.
    pub(super) fn prohibit(&mut self) {
        let Some(block) = &self.blocked else {
            return;
        };
        self.log.state(
            State::Blocked,
            Action::None,
            Details::BlockedUntil(block.shown),
            Level::Warning,
        );
        self.log.say(&Message::StartProhibited);
    }

    pub(super) async fn unblock(&mut self, orders: &mut Orders) {
        let Some(block) = self.blocked.take() else {
            return;
        };
        self.failures = 0;
        self.quick_exits = 0;
        self.log.say(&Message::Unblocked);
        self.log.before = Details::BlockedUntil(block.shown);
        let start = self.status.borrow().starts;
        self.routing.send_replace(Routing::Down { start });
        match block.pending {
            Some(number) => self.start_configured(number, orders).await,
            None => self.publish(
                Phase::Failed {
                    reason: "it was blocked after several failed starts".to_owned(),
                },
                None,
            ),
        }
    }
}
