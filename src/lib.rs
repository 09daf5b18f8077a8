//! labrat: the lab rat of incident response.

pub mod app;
pub mod cli;
pub mod evidence;
pub mod load;
pub mod machine;
pub mod redaction;
pub mod report;
pub mod scenario;
pub mod serve;
pub mod tables;
pub mod verdict;
