//! The target of a scenario: plan, slots, settings, command, and what stands around it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The target of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// The plan that it runs on.
    pub plan: Plan,
    /// The deployment slots, production first.
    #[serde(default = "production_only")]
    pub slots: Vec<String>,
    /// Application settings.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// The startup command.
    pub startup_command: String,
    /// Worker processes.
    #[serde(default = "one")]
    pub workers: u32,
    /// The worker class.
    #[serde(default)]
    pub worker_class: WorkerClass,
    /// Threads of each worker; 1 for `sync`.
    #[serde(default = "one")]
    pub threads: u32,
    /// The arbiter's `--timeout`, in seconds.
    #[serde(default = "thirty")]
    pub timeout_seconds: u32,
    /// What the target needs around it, beside the platform.
    #[serde(default)]
    pub around: Around,
}

fn production_only() -> Vec<String> {
    vec![production()]
}

fn production() -> String {
    "production".to_owned()
}

fn one() -> u32 {
    1
}

fn thirty() -> u32 {
    30
}

/// What a target needs around it, beside the platform.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Around {
    /// The platform keeps the site loaded (Always On).
    pub always_on: bool,
    /// Rules by which the platform recycles the container.
    pub auto_heal: Option<AutoHeal>,
    /// The size of the site's home, in MB, where that is the matter.
    pub home_megabytes: Option<u64>,
    /// Secrets that settings may refer to.
    pub vault: Vec<Secret>,
    /// A service (`labrat downstream`) whose address every slot gets as `API_BASE_URL`.
    pub downstream: bool,
    /// An orchestrator that probes the container, in place of App Service's own health check.
    pub probes: Option<Probes>,
    /// Words of commands of labrat that are run in the folder of every slot before it starts.
    pub prepared: Vec<Vec<String>>,
    /// So little memory, where that is the matter: a rehearsal needs a memory box.
    pub memory: Option<Memory>,
    /// A PostgreSQL that the rehearsal starts for itself.
    pub database_server: Option<DatabaseServer>,
}

/// Rules by which the platform recycles a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoHeal {
    /// What makes it act, each alone.
    pub triggers: Vec<HealTrigger>,
    /// A container younger than so many seconds is left alone.
    #[serde(default)]
    pub least_age_seconds: u32,
}

/// So many requests of a kind within a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealTrigger {
    /// How many.
    pub count: u32,
    /// Within so many seconds.
    pub within_seconds: u32,
    /// Only those with this status count.
    #[serde(default)]
    pub status: Option<u16>,
    /// Only those that take so many seconds or longer count.
    #[serde(default)]
    pub longer_seconds: Option<u32>,
}

impl AutoHeal {
    /// In the platform's own form.
    #[must_use]
    pub fn rules(&self) -> Value {
        let mut triggers = json!({});
        for trigger in &self.triggers {
            let (count, within) = (trigger.count, span(trigger.within_seconds));
            match (trigger.status, trigger.longer_seconds) {
                (Some(status), _) => {
                    let mut statuses = triggers["statusCodes"].take();
                    let mut one = json!({ "status": status, "subStatus": 0, "win32Status": 0 });
                    one["count"] = json!(count);
                    one["timeInterval"] = json!(within);
                    match statuses.as_array_mut() {
                        Some(all) => all.push(one),
                        None => statuses = json!([one]),
                    }
                    triggers["statusCodes"] = statuses;
                }
                (None, Some(longer)) => {
                    triggers["slowRequests"] = json!({
                        "timeTaken": span(longer), "count": count, "timeInterval": within,
                    });
                }
                (None, None) => {
                    triggers["requests"] = json!({ "count": count, "timeInterval": within });
                }
            }
        }
        json!({
            "triggers": triggers,
            "actions": {
                "actionType": "Recycle",
                "minProcessExecutionTime": span(self.least_age_seconds),
            },
        })
    }
}

/// A span of time as the platform writes it.
fn span(seconds: u32) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A secret of a Key Vault that the platform may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The vault.
    pub vault: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A PostgreSQL with one database, which is migrated, and with roles that have a password each.
///
/// A setting names it by `postgres://ROLE:`[`DATABASE_SERVER`]`/DATABASE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseServer {
    /// The database.
    pub database: String,
    /// The role that owns it.
    pub owner: String,
    /// Roles that the server knows and does not let in, whatever their password.
    pub refused: Vec<String>,
}

/// Stands in a setting for the password and the address that a [`DatabaseServer`] has once it runs.
pub const DATABASE_SERVER: &str = "PASSWORD@SERVER";

/// What memory a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// What is left to it at rest, in MB.
    pub room_megabytes: u64,
    /// Its swap, in MB.
    pub swap_megabytes: u64,
}

/// How an orchestrator probes a container: one that is not ready gets no requests but those for
/// its liveness path, one that is not alive is restarted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Probes {
    /// Path of the readiness probe.
    pub readiness_path: String,
    /// Port of the readiness probe; `None` is the site's own.
    pub readiness_port: Option<u16>,
    /// Path of the liveness probe.
    pub liveness_path: String,
    /// Port of the liveness probe; `None` is the site's own.
    pub liveness_port: Option<u16>,
    /// Between two probes, in seconds, and how long an answer may take.
    pub period_seconds: u32,
    /// Failures in a row until the orchestrator acts.
    pub failure_threshold: u32,
}

impl Default for Probes {
    /// `/ready` and `/health` on the site's own port, every ten seconds, three failures in a row.
    fn default() -> Self {
        Self {
            readiness_path: "/ready".to_owned(),
            readiness_port: None,
            liveness_path: "/health".to_owned(),
            liveness_port: None,
            period_seconds: 10,
            failure_threshold: 3,
        }
    }
}

/// An App Service plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Plan {
    /// Basic, one core, 1.75 GB, no slots.
    B1,
    /// Standard, one core, 1.75 GB, slots.
    S1,
}

impl Plan {
    /// The plan's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::B1 => "B1",
            Self::S1 => "S1",
        }
    }
}

/// How a worker takes requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerClass {
    /// One request at a time.
    #[default]
    Sync,
    /// As many as it has threads.
    Gthread,
    /// As many as come.
    Async,
}

impl WorkerClass {
    /// The word after `--worker-class`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Gthread => "gthread",
            Self::Async => "async",
        }
    }
}

/// One application setting of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The slot that has it before anything is done.
    #[serde(default = "production")]
    pub slot: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it stays with its slot in a swap.
    #[serde(default)]
    pub sticky: bool,
}

impl Setting {
    /// Whether the value is a duration of the application, in seconds, which a rehearsal
    /// multiplies by its pace. The platform does so with its own.
    #[must_use]
    pub fn is_duration(&self) -> bool {
        self.name.starts_with("LAB_") && self.name.ends_with("_SECONDS")
    }
}
