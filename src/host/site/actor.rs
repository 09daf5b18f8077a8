//! The task that owns a site: it carries out one order after another, and reacts to requests for a
//! start, to the end of its container and to what its health says. [`starts`] is how it starts a
//! container, [`blocked`] what it does after several starts that failed.

mod blocked;
mod starts;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify as Wakeup, mpsc, watch};
use tokio::task::JoinSet;

use blocked::Block;

use super::health::{self, Finding};
use super::log::PlatformLog;
use super::order::{Order, Running};
use super::{Ground, Phase, SiteIdentity, SiteStatus, stop};
use crate::host::SlotConfiguration;
use crate::host::front_end::{Liveness, Routing};
use crate::host::messages::{Details, Message};
use crate::host::settings::Mode;

/// How long the old container serves beside the new one after a restart.
const OVERLAP: Duration = Duration::from_secs(15);

/// A container that ends by itself within this time counts as a failed start.
const QUICK_EXIT: Duration = Duration::from_secs(10);

type Orders = mpsc::UnboundedReceiver<(u64, Order)>;

pub(super) struct Actor {
    pub(super) ground: Arc<Ground>,
    identity: SiteIdentity,
    configuration: SlotConfiguration,
    log: PlatformLog,
    running: Option<Running>,
    status: watch::Sender<SiteStatus>,
    routing: watch::Sender<Routing>,
    wake: Arc<Wakeup>,
    /// Failed starts in a row.
    failures: u32,
    /// Containers in a row that ended soon after they had been warm.
    quick_exits: u32,
    blocked: Option<Block>,
    findings: mpsc::UnboundedReceiver<(String, Finding)>,
    finding_sender: mpsc::UnboundedSender<(String, Finding)>,
    /// Containers that no request goes to any more.
    retiring: JoinSet<()>,
    ending: watch::Sender<bool>,
    /// An order that ended the start before it.
    next: Option<(u64, Order)>,
}

enum Event {
    Order(u64, Order),
    /// A request wants a start.
    Wanted,
    Exited(i32),
    Found(String, Finding),
    BlockEnded,
    /// A rule wants the container recycled, for this reason.
    SetOff(String),
    /// Nobody has asked for the site for long.
    Idle,
    /// Nobody is left to give orders.
    Abandoned,
}

impl Actor {
    pub(super) fn new(
        ground: Arc<Ground>,
        identity: SiteIdentity,
        configuration: SlotConfiguration,
        wake: Arc<Wakeup>,
    ) -> (Self, watch::Receiver<SiteStatus>, watch::Receiver<Routing>) {
        let (status, status_seen) = watch::channel(SiteStatus {
            phase: Phase::Starting,
            done: 0,
            starts: 0,
            container: None,
            address: None,
            dialer: None,
            process_group: None,
            started_at: None,
        });
        let (routing, routing_seen) = watch::channel(Routing::Starting);
        let (finding_sender, findings) = mpsc::unbounded_channel();
        let log = PlatformLog {
            journal: Arc::clone(&ground.journal),
            site: identity.platform_name.clone(),
            host: ground.computer.clone(),
            last_error: None,
            before: Details::None,
        };
        let actor = Self {
            ground,
            identity,
            configuration,
            log,
            running: None,
            status,
            routing,
            wake,
            failures: 0,
            quick_exits: 0,
            blocked: None,
            findings,
            finding_sender,
            retiring: JoinSet::new(),
            ending: watch::channel(false).0,
            next: None,
        };
        (actor, status_seen, routing_seen)
    }

    pub(super) async fn run(mut self, mut orders: Orders) {
        loop {
            match self.event(&mut orders).await {
                Event::Order(number, Order::End) => {
                    self.end().await;
                    self.publish(Phase::Stopped, Some(number));
                    return;
                }
                Event::Order(number, order) => self.carry_out(number, order, &mut orders).await,
                Event::Wanted => self.wanted(&mut orders).await,
                Event::Exited(code) => self.exited(code, &mut orders).await,
                Event::Found(container, finding) => {
                    self.found(&container, finding, &mut orders).await;
                }
                Event::BlockEnded => self.unblock(&mut orders).await,
                Event::SetOff(reason) => self.recycle(&reason, &mut orders).await,
                Event::Idle => self.unload().await,
                Event::Abandoned => return self.end().await,
            }
        }
    }

    async fn event(&mut self, orders: &mut Orders) -> Event {
        if let Some((number, order)) = self.next.take() {
            return Event::Order(number, order);
        }
        let running = self.running.as_ref();
        let exited = async {
            match running {
                Some(running) => running.container.exited().await,
                None => std::future::pending().await,
            }
        };
        let unblock_at = self.blocked.as_ref().map(|block| block.until);
        let block_ended = async {
            match unblock_at {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let heal = self.ground.auto_heal.clone();
        let set_off = async {
            match (&heal, running) {
                (Some(heal), Some(_)) => heal.set_off().await,
                _ => std::future::pending().await,
            }
        };
        let limit = self.ground.idle_limit;
        let idle = async {
            match (running, limit) {
                (Some(running), Some(limit)) => loop {
                    let until = running.upstream.used() + limit;
                    tokio::time::sleep_until(until).await;
                    if running.upstream.used() + limit <= until {
                        break;
                    }
                },
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some((number, order)) => Event::Order(number, order),
                None => Event::Abandoned,
            },
            code = exited => Event::Exited(code),
            () = block_ended => Event::BlockEnded,
            () = idle => Event::Idle,
            reason = set_off => Event::SetOff(reason),
            Some((container, finding)) = self.findings.recv() => Event::Found(container, finding),
            () = self.wake.notified() => Event::Wanted,
            Some(_) = self.retiring.join_next(), if !self.retiring.is_empty() => Event::Found(String::new(), Finding::Ready(true)),
        }
    }

    async fn carry_out(&mut self, number: u64, order: Order, orders: &mut Orders) {
        match order {
            Order::Configure(configuration) => {
                self.configuration = configuration;
                // A stopped site stays stopped until it is started.
                let stopped = matches!(*self.routing.borrow(), Routing::Stopped);
                if stopped {
                    return self.publish(Phase::Stopped, Some(number));
                }
                self.start_configured(number, orders).await;
            }
            Order::Restart(identity) if self.blocked.is_none() => {
                self.start_as(*identity, number, orders).await;
            }
            Order::Restart(_) => self.start_configured(number, orders).await,
            Order::Adopt(configuration) => {
                self.configuration = *configuration;
                self.publish(self.phase(), Some(number));
            }
            Order::Stop => {
                self.routing.send_replace(Routing::Stopped);
                self.blocked = None;
                if let Some(running) = self.running.take() {
                    stop::stop_running(&self.log, running).await;
                }
                self.log.before = Details::StoppedAt(Timestamp::now());
                self.publish(Phase::Stopped, Some(number));
            }
            Order::Stage(staging, reply) => {
                let answer = self.stage(*staging, orders).await;
                self.publish(self.phase(), Some(number));
                // Who asked may be gone.
                let _ = reply.send(answer);
            }
            Order::Take(reply) => {
                let mut running = self.running.take();
                if let Some(running) = &mut running {
                    running.watcher = None;
                }
                let _ = reply.send(running);
            }
            Order::Put(running, configuration, reply) => {
                self.configuration = *configuration;
                self.serve_from(*running);
                self.publish(Phase::Started, Some(number));
                let _ = reply.send(());
            }
            Order::End => {}
        }
    }

    fn publish_coming(&mut self) {
        match &self.running {
            Some(_) => self.publish(Phase::Restarting, None),
            None => {
                self.routing.send_replace(Routing::Starting);
                self.publish(Phase::Starting, None);
            }
        }
    }

    /// Send requests to this container from now on.
    fn serve_from(&mut self, mut running: Running) {
        running.watcher = health::watch(
            &self.ground,
            &self.identity,
            &self.configuration,
            running.container.id().to_owned(),
            running.container.dialer(),
            self.finding_sender.clone(),
        );
        if let Some(heal) = &self.ground.auto_heal {
            heal.forget();
        }
        // Whatever was wrong, this is not: a swap can put a container into a slot that is blocked.
        self.failures = 0;
        if self.blocked.take().is_some() {
            self.log.say(&Message::Unblocked);
        }
        let upstream = Arc::clone(&running.upstream);
        self.routing.send_replace(Routing::Up(upstream));
        self.running = Some(running);
    }

    /// End a container that no new request goes to, after the time that the platform leaves it.
    fn retire(&mut self, mut old: Running) {
        old.watcher = None;
        let log = self.log.clone();
        let overlap = self.ground.pace.of(OVERLAP);
        let mut ending = self.ending.subscribe();
        self.retiring.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(overlap) => {}
                _ = ending.wait_for(|ending| *ending) => {}
            }
            stop::stop_running(&log, old).await;
        });
    }

    /// The serving container has ended by itself.
    async fn lose(&mut self, code: i32) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.routing.send_replace(Routing::Starting);
        let container = &running.container;
        self.log
            .say_of(container.id(), &Message::ContainerExited(code));
        stop::end_container(&self.log, container).await;
        let lived = Timestamp::now().duration_since(running.started_at);
        let lived = Duration::try_from(lived).unwrap_or_default();
        self.quick_exits = match lived < self.ground.pace.of(QUICK_EXIT) {
            true => self.quick_exits + 1,
            false => 0,
        };
    }

    async fn exited(&mut self, code: i32, orders: &mut Orders) {
        self.lose(code).await;
        let number = self.status.borrow().done;
        match self.quick_exits >= self.ground.failed_starts_until_block {
            true => self.block(number),
            false => self.start_configured(number, orders).await,
        }
    }

    /// A request found the site without a container.
    async fn wanted(&mut self, orders: &mut Orders) {
        let failed = matches!(*self.routing.borrow(), Routing::Down { .. });
        if self.blocked.is_some() {
            self.prohibit();
        } else if failed {
            let number = self.status.borrow().done;
            self.start_configured(number, orders).await;
        }
    }

    async fn found(&mut self, container: &str, finding: Finding, orders: &mut Orders) {
        let Some(running) = &self.running else {
            return;
        };
        if running.container.id() != container {
            return;
        }
        match finding {
            Finding::Ready(true) => {
                let upstream = Arc::clone(&running.upstream);
                self.routing.send_replace(Routing::Up(upstream));
                self.publish(Phase::Started, None);
            }
            Finding::Ready(false) => {
                let liveness = match &self.ground.mode {
                    Mode::Kubernetes(probes) => Some(Liveness {
                        path: probes.liveness_path.clone(),
                        upstream: Arc::clone(&running.upstream),
                    }),
                    Mode::AppService => None,
                };
                self.routing.send_replace(Routing::NotReady(liveness));
                self.publish(Phase::NotReady, None);
            }
            Finding::Restart(reason) => {
                let site = &self.identity.platform_name;
                (self.ground.notify)(&format!("{site}: the platform restarts it: {reason}"));
                let number = self.status.borrow().done;
                self.restart_in_place().await;
                self.start_configured(number, orders).await;
            }
        }
    }

    /// Where an orchestrator restarts a container, the old one ends before the new one begins, and
    /// meanwhile there is nobody to send a request to.
    async fn restart_in_place(&mut self) {
        if !matches!(self.ground.mode, Mode::Kubernetes(_)) {
            return;
        }
        let Some(running) = self.running.take() else {
            return;
        };
        self.routing.send_replace(Routing::NotReady(None));
        self.publish(Phase::NotReady, None);
        stop::stop_running(&self.log, running).await;
    }

    /// A rule wants the container recycled: another takes its place, as in a restart.
    async fn recycle(&mut self, reason: &str, orders: &mut Orders) {
        let (Some(heal), Some(running)) = (&self.ground.auto_heal, &self.running) else {
            return;
        };
        heal.forget();
        let age = Timestamp::now().duration_since(running.started_at);
        let spared = heal.spares(Duration::try_from(age).unwrap_or_default());
        let site = &self.identity.platform_name;
        let what = match spared {
            true => "auto-heal leaves it alone while it is so young",
            false => "auto-heal recycles it",
        };
        (self.ground.notify)(&format!("{site}: {what}: {reason}"));
        if !spared {
            let number = self.status.borrow().done;
            self.start_configured(number, orders).await;
        }
    }

    /// Without Always On a site that nobody asks for is not kept.
    async fn unload(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let start = self.status.borrow().starts;
        self.routing.send_replace(Routing::Down { start });
        self.publish(Phase::Idle, None);
        stop::stop_running(&self.log, running).await;
        self.log.before = Details::StoppedAt(Timestamp::now());
    }

    async fn end(&mut self) {
        self.routing.send_replace(Routing::Stopped);
        self.ending.send_replace(true);
        if let Some(running) = self.running.take() {
            stop::stop_running(&self.log, running).await;
        }
        while self.retiring.join_next().await.is_some() {}
    }

    fn phase(&self) -> Phase {
        match (&self.running, &*self.routing.borrow()) {
            (_, Routing::NotReady(_)) => Phase::NotReady,
            (Some(_), _) => Phase::Started,
            (None, Routing::Stopped) => Phase::Stopped,
            (None, Routing::Blocked) => match &self.blocked {
                Some(block) => Phase::Blocked { until: block.shown },
                None => Phase::Starting,
            },
            (None, Routing::Down { .. }) => Phase::Failed {
                reason: "its last start failed".to_owned(),
            },
            (None, _) => Phase::Starting,
        }
    }

    fn publish(&self, phase: Phase, done: Option<u64>) {
        if self.status.borrow().phase != phase {
            let site = &self.identity.platform_name;
            (self.ground.tell)(&format!("{site} {}", phase.told()));
        }
        let container = self.running.as_ref().map(|running| &running.container);
        self.status.send_modify(|status| {
            status.phase = phase;
            status.done = status.done.max(done.unwrap_or(0));
            status.container = container.map(|container| container.id().to_owned());
            status.address = container.map(|container| container.dialer().address().to_string());
            status.dialer = container.map(|container| container.dialer().clone());
            status.process_group = container.map(super::container::Container::supervisor);
            status.started_at = self.running.as_ref().map(|running| running.started_at);
        });
    }
}
