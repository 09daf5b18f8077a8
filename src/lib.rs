//! labrat: the lab rat of incident response.
//!
//! A web application that fails on purpose, in the same way and for the same reasons as a Flask
//! app under Gunicorn on Azure App Service for Linux, together with what is needed to rehearse an
//! incident on it: an emulator of the platform, load, evidence, and a judge.
//!
//! # Rooms
//!
//! | Room | What it is for | What it may use |
//! |---|---|---|
//! | [`cli`] | one file per command; the only room that reads arguments, prints and picks exit codes | all |
//! | [`app`] | the lab application: routes, faults, counters; it knows nothing of processes or platforms | machine, readiness |
//! | [`serve`] | the pre-fork server: settings, arbiter, workers, console lines, control socket | app, machine, metrics, readiness, timeline |
//! | [`readiness`] | latches, checks, warm-up and their routes, for any axum program | - |
//! | [`metrics`] | every metric as a declaration, and a scrape in the text formats of Prometheus | - |
//! | [`machine`] | typed facts about this machine, and the few system calls that need `unsafe` | - |
//! | [`timeline`] | what a pool and its queue go through, as one stream of events, and the page that shows it | machine |
//! | [`host`] | the App Service emulator: front end, probes, slots, platform log | tables, machine, metrics, timeline |
//! | [`downstream`] | a service that the lab application calls, which slows and fails on request | - |
//! | [`tables`] | the log tables of the platform: rows, files, queries | - |
//! | [`load`] | the trigger engine: exact counts, client time limits, raw samples | - |
//! | [`scenario`] | the catalogue as data, and the runner that plays it | host, load, evidence, machine, tables, timeline |
//! | [`evidence`] | the bundle on disk: capture, digests, redaction, reading back | tables, machine, load |
//! | [`verdict`] | pure rules from evidence to an outcome | evidence, tables |
//! | [`diagnosis`] | every known cause at once, weighed by a stranger's export | verdict, evidence, tables |
//! | [`report`] | terminal, JSON, Markdown and HTML of a verdict or a diagnosis | diagnosis, verdict, evidence, tables |
//!
//! `redaction`, `encoding`, `connections`, `exchange` and `identifiers` are leaves that every room may use. Nothing else is
//! allowed: a test reads the source and fails where a room uses what is not in its row. `host` and `scenario` start `labrat serve`
//! as a process, by its command line, as the platform does.
//!
//! # Invariants
//!
//! 1. **The arbiter has one thread and no async runtime**; each worker builds its own runtime
//!    after it is born.
//! 2. **A sync worker serves one connection at a time and one request a connection**; a request
//!    runs to its end even when its client has gone.
//! 3. **`app` behaves the same** under `serve`, under a plain axum server and in a unit test.
//! 4. **`verdict` is a pure function of a bundle**: the same bundle gives the same verdict, on any
//!    machine and at any time. Missing evidence is "no evidence".
//! 5. **`tables` cannot tell a local row from one of the platform.**
//! 6. **Every fault has a cap and an undo.** Nothing is left behind outside a run's own folder.
//! 7. **Every scenario has a fix and a negative control**, and nothing is claimed above what the
//!    evidence shows.
//! 8. **Secrets never leave the process**: what looks like a credential is redacted in every
//!    answer, log, table, bundle and page.
//! 9. **Mechanisms are real**: processes, kernel queues, resident memory, signals. Nothing is
//!    played by a clock.
//!
//! `unsafe` exists in [`machine::sys`] alone.

pub mod app;
pub mod cli;
pub mod connections;
pub mod diagnosis;
pub mod downstream;
pub mod encoding;
pub mod evidence;
mod exchange;
pub mod host;
pub mod identifiers;
pub mod load;
pub mod machine;
pub mod metrics;
pub mod readiness;
pub mod redaction;
pub mod report;
pub mod scenario;
pub mod serve;
pub mod tables;
pub mod timeline;
pub mod verdict;
