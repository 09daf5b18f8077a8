//! The commands that the pages give: each is one that runs. Found in the fenced blocks and the code
//! spans of every page, split by the real bash, and held against the real reader of its words.

mod found;
mod here;
mod judged;
mod shown;
mod started;

use std::path::{Path, PathBuf};

use crate::harness::root;
use found::Given;

/// Every page, as a path from the root.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/scenarios"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().flatten() {
            let path = Path::new(folder).join(entry.file_name());
            if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The commands of every page and of every workflow.
fn given() -> Vec<Given> {
    let mut given = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(root().join(&page)).unwrap();
        given.extend(found::commands(&page.display().to_string(), &text));
    }
    for name in ["ci.yml", "rehearse.yml"] {
        let path = Path::new(".github/workflows").join(name);
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        given.extend(found::steps(&path.display().to_string(), &text));
    }
    given
}
