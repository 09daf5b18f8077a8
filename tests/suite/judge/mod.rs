//! The judge: tables, evidence, verdicts and reports, from bundles that the tests build.

mod any_bytes;
mod boxes;
mod browser;
mod builder;
mod command_line;
mod confusions;
mod console;
mod evidence_files;
mod exported_runs;
mod exports;
mod health;
mod hostile;
mod incidents;
mod measured_evidence;
mod million_rows;
mod mutations;
mod outcomes;
mod pictures;
mod published_layout;
mod quality_warnings;
mod removed_files;
mod repeated;
mod reports;
mod secrets;
mod table_shapes;
mod thresholds;

pub(crate) use mutations::each_criterion_of_the_run_can_flip;
