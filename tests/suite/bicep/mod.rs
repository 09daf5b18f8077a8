//! bicep/ without a compiler: a checker of our own, and what it is good for.
//!
//! It reads the part of Bicep that the templates are written in, and says so where a file goes
//! beyond: syntax by tree-sitter's grammar, then names, functions, types of expressions, modules,
//! and resources against Microsoft's published type data. It is no compiler. What it cannot know:
//! names that are taken, quotas, what a region offers, and whether a deployment does what is meant.

mod checker;
mod declarations;
mod expressions;
mod faults;
mod finding;
mod functions;
mod library;
mod parameters;
mod resources;
mod source;
mod templates;
mod types;

use finding::Finding;
use library::Library;
use source::Sources;

use crate::harness::root;

/// Every Bicep file of the project, by its path in bicep/.
fn templates() -> Sources {
    let mut sources = Sources::new();
    for (folder, start) in [("bicep", ""), ("bicep/modules", "modules/")] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "bicep") {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let text = std::fs::read_to_string(&path).unwrap();
                sources.insert(format!("{start}{name}"), text);
            }
        }
    }
    sources
}

/// The type data; read anew for each test, in a few hundredths of a second.
fn library() -> Library {
    Library::read(&root().join("tests/bicep-types"))
}

fn check(sources: &Sources) -> Vec<Finding> {
    checker::check(&library(), sources)
}
