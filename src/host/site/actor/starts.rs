//! One start after another: what is configured, or what a swap puts into the slot.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Actor, Orders};
use crate::host::front_end::Routing;
use crate::host::messages::Details;
use crate::host::settings::Network;
use crate::host::site::container::Container;
use crate::host::site::order::{Order, Staging};
use crate::host::site::start::{Announced, Coming, StartPlan};
use crate::host::site::{Ground, Phase, SiteIdentity, elsewhere, stop};
use crate::host::{HostError, shortage};

/// How a start ended.
pub(super) enum StartEnd {
    Up,
    Failed(String),
    Superseded,
}

/// What became of a container that was to be made.
enum Creation {
    Done(Container),
    Failed(HostError),
    Superseded(u64, Order),
}

/// What became of a container that was started.
enum Outcome {
    Answered,
    Exited(i32),
    TimedOut,
    Superseded(u64, Order),
}

/// Say where a container listens that has no network of its own and is not where it is awaited;
/// never ends.
async fn tell_where_it_listens(ground: &Ground, site: String, coming: &Coming) {
    if ground.network == Network::Loopback {
        let (container, awaited) = (&coming.container, coming.container.dialer().address());
        let found = elsewhere::found(container.supervisor(), awaited).await;
        (ground.notify)(&format!(
            "{site}: its container listens on {found} and not on {awaited}, where it is awaited: \
             without a network of its own, what a script or a setting says is not rewritten"
        ));
    }
    std::future::pending().await
}

/// A sentence about a container with a network of its own that listens, and is not reached; nothing
/// about any other.
fn where_it_listens(ground: &Ground, coming: &Coming) -> String {
    if ground.network == Network::Loopback {
        return String::new();
    }
    let (container, awaited) = (&coming.container, coming.container.dialer().address());
    let found = elsewhere::now(container.supervisor(), awaited);
    found.map_or_else(String::new, |places| {
        let port = awaited.port();
        format!(" Its container listens on {places} only: bind 0.0.0.0:{port}.")
    })
}

/// The next order; where nobody can give one any more, the last.
async fn next_order(orders: &mut Orders) -> (u64, Order) {
    orders.recv().await.unwrap_or((u64::MAX, Order::End))
}

impl Actor {
    pub(super) fn start_failed(&self, reason: String) -> HostError {
        HostError::StartFailed {
            site: self.identity.platform_name.clone(),
            reason,
        }
    }

    /// Start what is configured. Where that fails, what ran before is ended too, as recorded on
    /// the platform.
    pub(super) async fn start_configured(&mut self, number: u64, orders: &mut Orders) {
        if let Some(block) = &mut self.blocked {
            block.pending = Some(number);
            return self.prohibit();
        }
        self.start_as(self.identity.clone(), number, orders).await;
    }

    /// The same, in a container that takes itself for another slot's.
    pub(super) async fn start_as(
        &mut self,
        identity: SiteIdentity,
        number: u64,
        orders: &mut Orders,
    ) {
        let plan = StartPlan::new(identity, self.configuration.clone());
        match self.start(&plan, orders).await {
            StartEnd::Up => self.publish(Phase::Started, Some(number)),
            StartEnd::Superseded => self.publish(self.phase(), Some(number)),
            StartEnd::Failed(reason) => {
                self.failures += 1;
                self.routing.send_replace(Routing::Down {
                    start: self.status.borrow().starts,
                });
                if let Some(running) = self.running.take() {
                    stop::stop_running(&self.log, running).await;
                    self.log.before = Details::StoppedAt(Timestamp::now());
                }
                match self.failures >= self.ground.failed_starts_until_block {
                    true => self.block(number),
                    false => self.publish(Phase::Failed { reason }, Some(number)),
                }
            }
        }
    }

    /// A start for a swap: whether it came up. Where it did not, the slot is as it was before.
    pub(super) async fn stage(
        &mut self,
        staging: Staging,
        orders: &mut Orders,
    ) -> Result<(), HostError> {
        if matches!(*self.routing.borrow(), Routing::Stopped) {
            return Err(self.start_failed("it is stopped".to_owned()));
        }
        let plan = StartPlan::new(staging.identity, staging.configuration);
        let reason = match self.start(&plan, orders).await {
            StartEnd::Up => return Ok(()),
            StartEnd::Superseded => "another order came".to_owned(),
            StartEnd::Failed(reason) => reason,
        };
        if self.running.is_none() {
            // The start took the place of what the routing said before.
            self.routing.send_replace(match self.blocked {
                Some(_) => Routing::Blocked,
                None => Routing::Down {
                    start: self.status.borrow().starts,
                },
            });
        }
        Err(self.start_failed(reason))
    }

    /// One start. Requests go to the container that serves, as long as there is one.
    pub(super) async fn start(&mut self, plan: &StartPlan, orders: &mut Orders) -> StartEnd {
        // A request that asked for a start gets this one.
        std::pin::pin!(self.wake.notified()).as_mut().enable();
        self.status.send_modify(|status| status.starts += 1);
        self.publish_coming();
        let ground = Arc::clone(&self.ground);
        let announced = plan.announce(&ground, &mut self.log);
        let container = match self.create(plan, &announced, orders).await {
            Creation::Done(container) => container,
            Creation::Failed(error) => {
                (ground.notify)(&error.to_string());
                return StartEnd::Failed(error.to_string());
            }
            Creation::Superseded(number, order) => {
                self.next = Some((number, order));
                plan.superseded(&mut self.log, None).await;
                return StartEnd::Superseded;
            }
        };
        let coming = plan.created(&ground, &mut self.log, &announced, container);
        match self.wait_for(&coming, orders).await {
            Outcome::Answered => {
                let running = plan.succeeded(&ground, &mut self.log, coming);
                let old = self.running.take();
                self.serve_from(running);
                if let Some(old) = old {
                    self.retire(old);
                }
                StartEnd::Up
            }
            Outcome::Exited(code) => {
                StartEnd::Failed(plan.exited(&mut self.log, &coming, code).await)
            }
            Outcome::TimedOut => {
                let hint = where_it_listens(&ground, &coming);
                let reason = plan.timed_out(&mut self.log, &coming).await;
                StartEnd::Failed(reason + &hint)
            }
            Outcome::Superseded(number, order) => {
                self.next = Some((number, order));
                plan.superseded(&mut self.log, Some(&coming.container))
                    .await;
                StartEnd::Superseded
            }
        }
    }

    /// Make the container, as soon as the emulator itself can: that it cannot is no failed start of
    /// the site.
    async fn create(
        &self,
        plan: &StartPlan,
        announced: &Announced,
        orders: &mut Orders,
    ) -> Creation {
        loop {
            let error = match plan.create(&self.ground, announced) {
                Ok(container) => return Creation::Done(container),
                Err(error) => error,
            };
            let Some(shortage) = error.shortage() else {
                return Creation::Failed(error);
            };
            self.ground.notify.lacks(shortage, "start a container");
            tokio::select! {
                (number, order) = next_order(orders) => return Creation::Superseded(number, order),
                () = tokio::time::sleep(shortage::PAUSE) => {}
            }
        }
    }

    async fn wait_for(&mut self, coming: &Coming, orders: &mut Orders) -> Outcome {
        let notify = self.ground.notify.clone();
        let mut probe = std::pin::pin!(coming.probe.succeeds(
            coming.container.dialer(),
            coming.limit,
            &notify
        ));
        let (ground, site) = (Arc::clone(&self.ground), &self.identity.platform_name);
        let mut elsewhere = std::pin::pin!(tell_where_it_listens(&ground, site.clone(), coming));
        loop {
            let old = self.running.as_ref();
            let old_exited = async {
                match old {
                    Some(old) => old.container.exited().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                (number, order) = next_order(orders) => return Outcome::Superseded(number, order),
                code = coming.container.exited() => return Outcome::Exited(code),
                answered = &mut probe => return match answered {
                    true => Outcome::Answered,
                    false => Outcome::TimedOut,
                },
                code = old_exited => self.lose(code).await,
                () = &mut elsewhere => {}
            }
            self.publish_coming();
        }
    }
}
