//! Every order to a slot, in every state that it can be in: what comes of it is what is shown, what
//! is answered, and what goes on.

use std::time::Duration;

use labrat::host::{
    HostError, Phase, Setting, SlotConfiguration, SlotName, SlotSettings, SwapOptions,
};

use super::{SERVE, Stand, until};

const PRODUCTION: SlotName = SlotName::Production;
const STAGING: SlotName = SlotName::Staging;

/// A command that ends at once.
const BAD: &str = "exit 3";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Failed,
    Blocked,
    Stopped,
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Restart,
    Stop,
    DeployGood,
    DeployBad,
    SwapIn,
    /// A swap whose source does not start.
    SwapInBad,
    /// Let a block's time pass.
    Wait,
}

const STATES: [State; 4] = [
    State::Started,
    State::Failed,
    State::Blocked,
    State::Stopped,
];
const DEEDS: [Deed; 7] = [
    Deed::Restart,
    Deed::Stop,
    Deed::DeployGood,
    Deed::DeployBad,
    Deed::SwapIn,
    Deed::SwapInBad,
    Deed::Wait,
];

/// What production is after a deed, once everything has settled.
fn expected(state: State, deed: Deed) -> State {
    match (state, deed) {
        (_, Deed::Stop) => State::Stopped,
        // Nothing is swapped into or out of a stopped slot, and what is deployed waits for a start.
        (State::Stopped, Deed::SwapIn | Deed::SwapInBad | Deed::Wait) => State::Stopped,
        (State::Stopped, Deed::DeployGood | Deed::DeployBad) => State::Stopped,
        (_, Deed::SwapIn | Deed::DeployGood) => State::Started,
        (State::Started, Deed::Restart | Deed::SwapInBad | Deed::Wait) => State::Started,
        (State::Stopped, Deed::Restart) => State::Started,
        // The site asks for what failed again, and the block has passed.
        (_, _) => State::Failed,
    }
}

async fn settle(stand: &Stand, slot: SlotName) -> Phase {
    let settled = async || {
        until("a state that lasts", || {
            let phase = stand.host.status(slot).unwrap().phase;
            let lasts = !matches!(
                phase,
                Phase::Starting | Phase::Restarting | Phase::Blocked { .. }
            );
            lasts.then_some(phase)
        })
        .await
    };
    settled().await;
    // An order may still be on its way; one that is carried out leaves a state behind.
    let _ = stand
        .host
        .wait_until_warm(slot, Duration::from_secs(30))
        .await;
    settled().await
}

async fn bring_into(stand: &Stand, state: State) {
    match state {
        State::Started => {}
        State::Failed => stand.host.set_startup_command(PRODUCTION, BAD).unwrap(),
        State::Stopped => stand.host.stop_site(PRODUCTION).unwrap(),
        State::Blocked => {
            stand.host.set_startup_command(PRODUCTION, BAD).unwrap();
            until("it is blocked", || {
                let phase = stand.host.status(PRODUCTION).unwrap().phase;
                if matches!(phase, Phase::Failed { .. }) {
                    stand.host.restart(PRODUCTION).unwrap();
                }
                matches!(phase, Phase::Blocked { .. }).then_some(())
            })
            .await;
            return;
        }
    }
    let _ = stand
        .host
        .wait_until_warm(PRODUCTION, Duration::from_secs(30))
        .await;
}

async fn do_it(stand: &Stand, deed: Deed) {
    match deed {
        Deed::Restart => stand.host.restart(PRODUCTION).unwrap(),
        Deed::Stop => stand.host.stop_site(PRODUCTION).unwrap(),
        Deed::DeployGood => {
            let good = format!("true && {SERVE}");
            stand.host.set_startup_command(PRODUCTION, &good).unwrap();
        }
        Deed::DeployBad => stand
            .host
            .set_startup_command(PRODUCTION, "exit 4")
            .unwrap(),
        Deed::SwapIn => drop(stand.host.swap(SwapOptions::default()).await),
        Deed::SwapInBad => {
            stand.host.set_startup_command(STAGING, BAD).unwrap();
            let swapped = stand.host.swap(SwapOptions::default()).await;
            assert!(swapped.is_err(), "{swapped:?}");
        }
        Deed::Wait => {}
    }
}

fn is(phase: &Phase, state: State) -> bool {
    match state {
        State::Started => *phase == Phase::Started,
        State::Failed => matches!(phase, Phase::Failed { .. }),
        State::Stopped => *phase == Phase::Stopped,
        State::Blocked => matches!(phase, Phase::Blocked { .. }),
    }
}

async fn case(state: State, deed: Deed) {
    let stand = Stand::warm(SERVE, |settings| {
        // A block of 1.2 s.
        settings.pace = 0.01;
        settings.failed_starts_until_block = 2;
        let slow = Setting::app("WEBSITES_CONTAINER_START_TIME_LIMIT", "1800");
        settings.production.configuration = SlotConfiguration::new(SERVE).with([slow]);
        settings.staging = Some(SlotSettings {
            port: 0,
            configuration: settings.production.configuration.clone(),
        });
    })
    .await;
    stand.wait(STAGING).await;
    bring_into(&stand, state).await;
    do_it(&stand, deed).await;
    let phase = settle(&stand, PRODUCTION).await;
    let wanted = expected(state, deed);
    assert!(is(&phase, wanted), "{state:?} then {deed:?}: {phase:?}");
    let status = stand.get("/health").await.status;
    let answer = match wanted {
        State::Started => 200,
        State::Stopped => 403,
        State::Failed | State::Blocked => 503,
    };
    assert_eq!(status, answer, "{state:?} then {deed:?}");
    // Neither slot hangs in a start, and what is up stays up.
    settle(&stand, STAGING).await;
    if wanted == State::Started {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let later = stand.host.status(PRODUCTION).unwrap().phase;
        assert_eq!(later, Phase::Started, "{state:?} then {deed:?}, later");
    }
    stand.stop().await;
}

/// Cases that run at the same time.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn every_order_in_every_state_leaves_a_state_that_is_true() {
    let mut cases = tokio::task::JoinSet::new();
    for state in STATES {
        for deed in DEEDS {
            if cases.len() >= AT_ONCE {
                cases.join_next().await.unwrap().unwrap();
            }
            cases.spawn(case(state, deed));
        }
    }
    while let Some(ended) = cases.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_swap_of_a_slot_that_is_stopped_is_refused_and_starts_nothing() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.02;
        settings.staging = Some(SlotSettings {
            port: 0,
            configuration: SlotConfiguration::new(SERVE),
        });
    })
    .await;
    stand.wait(STAGING).await;
    stand.host.stop_site(STAGING).unwrap();
    let _ = stand
        .host
        .wait_until_warm(STAGING, Duration::from_secs(30))
        .await;
    let refused = stand.host.swap(SwapOptions::default()).await;
    assert!(
        matches!(refused, Err(HostError::SwapState(_))),
        "{refused:?}"
    );
    assert_eq!(stand.host.status(STAGING).unwrap().phase, Phase::Stopped);
    stand.stop().await;
}

#[tokio::test]
async fn settings_that_are_set_at_the_same_time_are_all_there() {
    let stand = Stand::start("sleep 600", |settings| settings.pace = 0.01).await;
    let host = &stand.host;
    std::thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                let own = Setting::app(format!("N{number}"), "x");
                host.set_settings(PRODUCTION, [own]).unwrap();
            });
        }
    });
    assert_eq!(host.configuration(PRODUCTION).unwrap().settings.len(), 16);
    stand.stop().await;
}

#[tokio::test]
async fn a_site_that_nobody_asks_for_is_unloaded_and_starts_with_the_next_request() {
    // The least that a pace leaves of 20 minutes is 10 s.
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.001;
        settings.front_end_limit = Duration::from_secs(24_000);
        let patient = Setting::app("WEBSITES_CONTAINER_START_TIME_LIMIT", "1800");
        settings.production.configuration = SlotConfiguration::new(SERVE).with([patient]);
    })
    .await;
    until("it is unloaded", || {
        (stand.host.status(PRODUCTION).unwrap().phase == Phase::Idle).then_some(())
    })
    .await;
    assert_eq!(stand.get("/health").await.status, 200);
    assert_eq!(stand.host.status(PRODUCTION).unwrap().starts, 2);
    stand.stop().await;
}
