//! Derived observations: what several rows say together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::quote::Cited;

/// An observation that is derived from rows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// A start of the container failed.
    StartFailed,
    /// The last start failed, or none succeeded after one that failed.
    LastStartFailed,
    /// A start succeeded, and none failed.
    OnlyGoodStarts,
    /// The container ended by itself while it started.
    StartExited,
    /// A start failed although nothing in it ended: no answer came in time.
    StartWaitedInVain,
    /// A start needed longer than the usual limit, and succeeded under a raised one.
    StartLateButGood,
    /// A start needed longer than the usual limit.
    StartLate,
    /// In a start that failed the server says that it listens where the platform looks.
    ListensInReach,
    /// Two starts or more began, and none is known to have got ready or to have ended.
    StartsRepeat,
    /// Two servers began together, as those of two slots or of two instances do. Only without the
    /// platform's rows, which name the slots.
    StartsTogether,
    /// A start was given up for another one, and of all that was asked meanwhile nothing was answered.
    StartUnanswered,
    /// The server says that it listens where the platform does not look.
    ListensOutOfReach,
    /// The startup command binds where the platform does not look.
    CommandOutOfReach,
    /// A start that failed has no line of the application.
    NoConsoleInFailedStart,
    /// The module that is not found is the one that the startup command names.
    MissingModuleIsTheTarget,
    /// The module that is not found is one that the application imports.
    MissingModuleIsImported,
    /// A later start prepares the database, and the first did not.
    MigratesLater,
    /// Nine or more workers were booted by one start, or the command asks for them.
    ManyWorkers,
    /// Workers were killed, and no timeout came before.
    KilledWithoutTimeout,
    /// A swap of slots is recorded.
    Swapped,
    /// Production was started once more after the swap had switched.
    RestartedAfterSwap,
    /// Requests failed or waited after the swap, and such requests were well later on.
    TroubleAfterSwap,
    /// A setting of production that is no slot setting differs after the swap.
    SettingDrifted,
    /// A swap is recorded, and nothing tells whether a setting moved with it.
    SettingsOpenAfterSwap,
    /// Three requests or more in a row are refused with 502 or 503, between answers.
    OutageBand,
    /// There are rows of requests.
    AnyRequests,
    /// Most requests are answered, hardly any waits or fails.
    TrafficHealthy,
    /// Requests fail with a server's error.
    ServerErrors,
    /// Clients gave up.
    ClientsGaveUp,
    /// Clients gave up at a limit of their own: their times pile up there.
    GaveUpAtALimit,
    /// Quick requests waited while long ones of other routes were under way.
    QuickWaited,
    /// Quick requests were as quick as ever while long ones were under way.
    QuickPassed,
    /// Requests of every kind became slow together, and nothing failed otherwise.
    OneRouteQueues,
    /// Failures are those of one route or a few; others do well at the same time.
    FewRoutesFail,
    /// The routes that fail take long to do so.
    FailSlowly,
    /// The routes that fail do so at once.
    FailAtOnce,
    /// The routes that fail were answered before, and none of them failed by then.
    FailingWereWell,
    /// The routes that fail did so before a start and do so from the first request after it.
    FailingAfterRestart,
    /// Those that fail are refused with 503.
    FailWith503,
    /// On the routes that fail, other requests succeed within the same time.
    FailInPart,
    /// Now and then a request is answered 502 at once, between answers of the same routes.
    LostConnections,
    /// A start began with the first request after a long quiet, and that request waited for it.
    StartedAfterQuiet,
    /// Nearly every request fails.
    NearlyAllFail,
    /// One cheap route is answered 200 throughout, and nearly all others are 503.
    OnlyLivenessAnswers,
    /// Failures of requests pile up at one duration of twenty seconds or more.
    FailAtOneDuration,
    /// Requests failed after 228 to 245 s.
    FrontEndLimit,
    /// A container stopped or started while requests failed or waited.
    RestartInTrouble,
    /// Two stops or more lie within the trouble.
    RestartsRepeat,
    /// Containers are replaced again and again just when slow requests were answered, and nothing is
    /// refused meanwhile.
    RecycledAfterSlow,
    /// Requests waited or failed before the first stop.
    TroubleBeforeRestart,
    /// Requests are slow or fail right after a start, and are well later on.
    SlowAfterStart,
    /// The same kind of request became slower as time went on, and is still answered.
    GrowsSlower,
    /// Answers took long although nothing else was under way.
    SlowAlone,
    /// A path of health checks is not answered 2xx while others are.
    HealthPathFails,
    /// There is any table or log with rows in the span.
    AnyRows,
    /// There are enough requests to call the traffic well or ill.
    EnoughRequests,
    /// Something failed or waited, or a start failed, or a log has an error.
    AnyTrouble,
    /// Lines of errors stand in the console.
    ErrorLines,
}

/// What became of a sign.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// `None` without evidence.
    pub met: Option<bool>,
    /// By which rows.
    pub quotes: Vec<Cited>,
    /// How it counts: less than one for what is only a consequence.
    pub share: f64,
}

impl Seen {
    pub fn unknown() -> Seen {
        Seen {
            met: None,
            quotes: Vec::new(),
            share: 1.0,
        }
    }

    pub fn of(met: bool) -> Seen {
        Seen {
            met: Some(met),
            ..Seen::unknown()
        }
    }

    pub fn with(mut self, quotes: impl IntoIterator<Item = Cited>) -> Seen {
        if self.met == Some(true) {
            self.quotes.extend(quotes);
        }
        self
    }
}

/// Whether a fact is there.
pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    use Fact::{
        AnyRequests, AnyRows, AnyTrouble, ClientsGaveUp, CommandOutOfReach, EnoughRequests,
        ErrorLines, FailAtOnce, FailAtOneDuration, FailInPart, FailSlowly, FailWith503,
        FailingAfterRestart, FailingWereWell, FewRoutesFail, FrontEndLimit, GaveUpAtALimit,
        GrowsSlower, HealthPathFails, KilledWithoutTimeout, LastStartFailed, ListensInReach,
        ListensOutOfReach, LostConnections, ManyWorkers, MigratesLater, MissingModuleIsImported,
        MissingModuleIsTheTarget, NearlyAllFail, NoConsoleInFailedStart, OneRouteQueues,
        OnlyGoodStarts, OnlyLivenessAnswers, OutageBand, QuickPassed, QuickWaited,
        RecycledAfterSlow, RestartInTrouble, RestartedAfterSwap, RestartsRepeat, ServerErrors,
        SettingDrifted, SettingsOpenAfterSwap, SlowAfterStart, SlowAlone, StartExited, StartFailed,
        StartLate, StartLateButGood, StartUnanswered, StartWaitedInVain, StartedAfterQuiet,
        StartsRepeat, StartsTogether, Swapped, TrafficHealthy, TroubleAfterSwap,
        TroubleBeforeRestart,
    };
    match fact {
        StartFailed
        | StartsRepeat
        | StartsTogether
        | LastStartFailed
        | OnlyGoodStarts
        | StartExited
        | StartWaitedInVain
        | StartLateButGood
        | StartLate
        | ListensInReach
        | ListensOutOfReach
        | CommandOutOfReach
        | NoConsoleInFailedStart => super::start_facts::look(fact, evidence),
        MigratesLater
        | MissingModuleIsTheTarget
        | MissingModuleIsImported
        | ManyWorkers
        | KilledWithoutTimeout
        | ErrorLines => super::text_facts::look(fact, evidence),
        Swapped
        | SettingsOpenAfterSwap
        | RestartedAfterSwap
        | TroubleAfterSwap
        | SettingDrifted => super::swap_facts::look(fact, evidence),
        RestartInTrouble | RestartsRepeat | TroubleBeforeRestart | SlowAfterStart
        | StartUnanswered | StartedAfterQuiet | RecycledAfterSlow => {
            super::restart_facts::look(fact, evidence)
        }
        TrafficHealthy | ServerErrors | ClientsGaveUp | GaveUpAtALimit | QuickWaited
        | QuickPassed | OneRouteQueues | GrowsSlower | FrontEndLimit | EnoughRequests
        | HealthPathFails | SlowAlone => super::traffic_facts::look(fact, evidence),
        FewRoutesFail | FailSlowly | FailAtOnce | FailInPart | NearlyAllFail
        | OnlyLivenessAnswers | FailWith503 | FailingAfterRestart | FailingWereWell
        | FailAtOneDuration | OutageBand | LostConnections => {
            super::failure_facts::look(fact, evidence)
        }
        AnyRows => Seen::of(!evidence.view.lines.is_empty() || evidence.traffic.total() > 0),
        AnyRequests => Seen::of(evidence.traffic.total() > 0),
        AnyTrouble => Seen::of(evidence.any_trouble()),
    }
}
