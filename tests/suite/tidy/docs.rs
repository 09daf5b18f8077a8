//! The pages: a README for one minute, an index that names every page, and links that lead somewhere.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{expect_none, files_under, read, root};

/// What fits on a page that is read in a minute, in bytes.
const README_MOST: usize = 8_000;

/// Every page of this project.
fn pages() -> Vec<PathBuf> {
    let mut pages = files_under("docs", &["md"]);
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        pages.push(PathBuf::from(name));
    }
    pages
}

/// The targets of the links and pictures of a page, and of nothing in a fence or a code span.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in prose.split("](").skip(1) {
            found.extend(rest.split(')').next().map(str::to_owned));
        }
    }
    found
}

/// The anchors of a page, as GitHub and mdBook make them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|sign| sign.is_alphanumeric() || [' ', '-', '_'].contains(sign));
            kept.map(|sign| if sign == ' ' { '-' } else { sign })
                .collect()
        })
        .collect()
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Links of the page at `path` that lead nowhere.
fn dead_links(path: &Path, text: &str) -> Vec<String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut dead = Vec::new();
    for link in links(text) {
        if link.contains("://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = match file {
            "" => path.to_owned(),
            file => plain(&folder.join(file)),
        };
        let there = root().join(&target).exists();
        let is_page = target.extension().is_some_and(|ending| ending == "md");
        let found = there
            && (anchor.is_empty() || {
                let text = match file {
                    "" => text.to_owned(),
                    _ => read(&target),
                };
                is_page && anchors(&text).contains(anchor)
            });
        if !found {
            dead.push(format!("{}: {link}", path.display()));
        }
    }
    dead
}

#[test]
fn the_readme_is_read_in_a_minute() {
    let bytes = read(Path::new("README.md")).len();
    assert!(
        bytes <= README_MOST,
        "README.md has {bytes} bytes, more than {README_MOST}: move what is looked up to docs/"
    );
}

#[test]
fn the_readme_says_in_one_place_how_long_things_take() {
    let readme = read(Path::new("README.md"));
    let (_, rest) = readme.split_once("<!-- times:begin -->").unwrap();
    let (times, _) = rest.split_once("<!-- times:end -->").unwrap();
    for command in [
        "`scripts/rehearse.sh` from a fresh clone",
        "`scripts/rehearse.sh` once labrat is built",
        "`scripts/test.sh`",
        "`labrat scenarios --check`",
    ] {
        let row = times
            .lines()
            .find(|line| line.starts_with('|') && line.contains(command));
        let row = row.unwrap_or_else(|| panic!("no time of {command}"));
        assert!(row.contains(" s") || row.contains(" minutes"), "{row}");
    }
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut dead = Vec::new();
    let mut seen = 0;
    for path in pages() {
        let text = read(&path);
        seen += links(&text).len();
        dead.extend(dead_links(&path, &text));
    }
    assert!(seen > 80, "only {seen} links were found");
    expect_none("links that lead nowhere", &dead);
}

#[test]
fn a_dead_link_and_a_dead_anchor_are_found() {
    let path = Path::new("docs/serve.md");
    let text = "# Top\n\n## Two words: `x`\n[a](knobs.md) [b](#two-words-x) ![c](../README.md#labrat)\n\
                `[no](link)` [d](https://example.org/x)\n```text\n[no](link)\n```\n\
                [e](nobs.md) [f](#three) [g](knobs.md#none) [h](../Cargo.toml#x)\n";
    assert_eq!(
        dead_links(path, text),
        ["nobs.md", "#three", "knobs.md#none", "../Cargo.toml#x"]
            .map(|link| format!("docs/serve.md: {link}"))
    );
}

/// The pages that this page links to, as paths from the root.
fn named_by(index: &str) -> BTreeSet<PathBuf> {
    let path = Path::new(index);
    let folder = path.parent().unwrap();
    let links = links(&read(path));
    links.iter().map(|link| plain(&folder.join(link))).collect()
}

#[test]
fn the_index_and_the_book_name_every_page() {
    let book = named_by("docs/SUMMARY.md");
    let mut index = named_by("docs/README.md");
    index.extend(named_by("docs/scenarios/README.md"));
    let mut missing = Vec::new();
    for page in files_under("docs", &["md"]) {
        let is_list = ["docs/README.md", "docs/SUMMARY.md"].contains(&page.to_str().unwrap());
        if !book.contains(&page) && page != Path::new("docs/SUMMARY.md") {
            missing.push(format!("docs/SUMMARY.md: {}", page.display()));
        }
        if !index.contains(&page) && !is_list {
            missing.push(format!("docs/README.md: {}", page.display()));
        }
    }
    expect_none("pages that no list names", &missing);
}

/// Files and folders that a page names in its code spans, and that are not there.
fn files_that_are_not_there(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2);
    let folders = [
        "src/",
        "tests/",
        "docs/",
        "scripts/",
        "deploy/",
        "bicep/",
        "examples/",
    ];
    let named = spans.filter(|span| {
        folders.iter().any(|folder| span.starts_with(folder)) && !span.contains([' ', '*'])
    });
    named
        .filter(|name| !root().join(name).exists())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_tour_names_files_that_exist() {
    let tour = read(Path::new("ARCHITECTURE.md"));
    for stop in ["## A request", "## A death", "## A verdict"] {
        let (_, rest) = tour.split_once(stop).unwrap();
        let page = rest.split("\n## ").next().unwrap();
        let files = page.matches("`src/").count();
        assert!(files >= 8, "{stop} names {files} files");
        assert!(page.lines().count() <= 60, "{stop} is longer than a page");
    }
    expect_none(
        "files of the tour that are not there",
        &files_that_are_not_there(&tour),
    );
    assert_eq!(
        files_that_are_not_there("`src/lib.rs` `src/attic.rs` `src/` `src/*.rs` `src/x y`"),
        ["src/attic.rs"]
    );
}

/// Versions of labrat's own files and images that a text names.
fn versions(text: &str) -> Vec<String> {
    let named = regex::Regex::new(r"labrat[:_-](\d+\.\d+\.\d+)").unwrap();
    let found = named.captures_iter(text);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn one_version_stands_in_the_changelog_the_pages_the_manifests_and_the_scripts() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read(Path::new("CHANGELOG.md"));
    let heading = format!("\n## [{version}] - 20");
    assert!(changelog.contains(&heading), "no section of {version}");
    let mut files = pages();
    for (folder, ending) in [("deploy", "yaml"), ("bicep", "bicep"), ("scripts", "sh")] {
        files.extend(files_under(folder, &[ending]));
    }
    let (mut seen, mut other) = (0, Vec::new());
    for path in files.iter().filter(|path| !path.ends_with("CHANGELOG.md")) {
        for named in versions(&read(path)) {
            seen += 1;
            if named != version {
                other.push(format!("{}: {named}", path.display()));
            }
        }
    }
    assert!(seen >= 8, "only {seen} versions were found");
    expect_none("files with another version", &other);
    assert_eq!(
        versions("labrat:1.2.3 labrat_0.1.0_amd64 x-4.5.6"),
        ["1.2.3", "0.1.0"]
    );
}
