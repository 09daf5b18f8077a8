//! No circles: of two files of a room, one may use the other, and not the other way round as well,
//! however long the way. A folder's `mod.rs` and what lies in the folder are one thing here: what
//! they share stands in the one and is used by the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::rooms::module_path;
use super::source::{Source, words};
use super::{expect_none, files_under, read};

/// Rooms whose circles are still to be cut.
const NOT_YET: [&str; 1] = ["diagnosis"];

type Module = Vec<String>;

/// A path of a `use`, with its names in order, and what it is called here.
struct Use {
    is_public: bool,
    path: Module,
    name: String,
}

/// Every file of `src` by its module.
struct House {
    files: BTreeMap<Module, String>,
    /// What a module gives on under its own name.
    given_on: BTreeMap<(Module, String), Module>,
}

impl House {
    fn new(files: impl IntoIterator<Item = (Module, String)>) -> Self {
        let files = files
            .into_iter()
            .map(|(module, text)| (module, without_tests(&Source::new(&text).code).to_owned()));
        let mut house = Self {
            files: files.collect(),
            given_on: BTreeMap::new(),
        };
        let mut given_on = BTreeMap::new();
        for (module, code) in &house.files {
            for one in uses(code).into_iter().filter(|one| one.is_public) {
                let path = house.absolute(module, &one.path);
                given_on.extend(path.map(|path| ((module.clone(), one.name), path)));
            }
        }
        house.given_on = given_on;
        house
    }

    /// The path from the crate's root, unless it leads to another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let climbed = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&[][..], &path[1..]),
            "self" => (&module[..], &path[1..]),
            "super" => (
                &module[..module.len().checked_sub(climbed)?],
                &path[climbed..],
            ),
            child => {
                let mut own = module.clone();
                own.push(child.to_owned());
                self.files.get(&own)?;
                (&module[..], path)
            }
        };
        Some([base, rest].concat())
    }

    /// The file in which that stands, wherever it is given on.
    fn file(&self, path: &[String], steps: u8) -> Option<&Module> {
        let (module, _) = (1..=path.len())
            .rev()
            .find_map(|length| self.files.get_key_value(&path[..length]))?;
        let rest = &path[module.len()..];
        let given_on = rest
            .first()
            .and_then(|name| self.given_on.get(&(module.clone(), name.clone())));
        match given_on {
            Some(source) if steps > 0 => {
                let path = [&source[..], &rest[1..]].concat();
                self.file(&path, steps - 1)
            }
            _ => Some(module),
        }
    }

    /// The files of the same room that a file uses, but for those above and below it.
    fn used_by(&self, module: &Module) -> BTreeSet<&Module> {
        let code = &self.files[module];
        let private = uses(code).into_iter().filter(|one| !one.is_public);
        let paths = private.map(|one| one.path).chain(paths_within(code));
        let files = paths
            .filter_map(|path| self.absolute(module, &path))
            .filter_map(|path| self.file(&path, 8));
        files
            .filter(|used| used[0] == module[0])
            .filter(|used| !used.starts_with(module) && !module.starts_with(used))
            .collect()
    }

    /// The files that lead back to themselves, each knot as one line.
    fn knots(&self) -> Vec<String> {
        let modules = self.files.keys().filter(|module| !module.is_empty());
        let used: BTreeMap<&Module, BTreeSet<&Module>> = modules
            .map(|module| (module, self.used_by(module)))
            .collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> = used
            .keys()
            .map(|module| (*module, reach(module, &used)))
            .collect();
        let mut knots = BTreeSet::new();
        for (module, within) in &reached {
            let knot: Vec<String> = within
                .iter()
                .filter(|other| reached[**other].contains(module))
                .map(|other| other.join("::"))
                .collect();
            if !knot.is_empty() {
                knots.insert(knot.join(" <-> "));
            }
        }
        knots.into_iter().collect()
    }
}

/// Everything to which the arrows lead from here.
fn reach<'a>(
    from: &Module,
    arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Module> = arrows[from].iter().copied().collect();
    while let Some(module) = waiting.pop() {
        if found.insert(module) {
            waiting.extend(arrows[module].iter().copied());
        }
    }
    found
}

/// The code without the tests at the file's end, whose `super` is the file itself.
fn without_tests(code: &str) -> &str {
    let tests = code
        .match_indices("#[cfg(test)]")
        .find(|(at, mark)| code[at + mark.len()..].trim_start().starts_with("mod "));
    tests.map_or(code, |(at, _)| &code[..at])
}

fn uses(code: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for at in words(code, "use") {
        let line = code[..at].rsplit(['\n', ';', '}']).next();
        let is_public = line.is_some_and(|before| before.trim_start().starts_with("pub"));
        let Some((tree, _)) = code[at + 3..].split_once(';') else {
            continue;
        };
        for path in branches(tree) {
            let (path, alias) = path.split_once(" as ").unwrap_or((&path, ""));
            let path: Module = path
                .split("::")
                .map(|name| name.trim().to_owned())
                .collect();
            let name = match alias.trim() {
                "" => path.last().cloned().unwrap_or_default(),
                alias => alias.to_owned(),
            };
            found.push(Use {
                is_public,
                path,
                name,
            });
        }
    }
    found
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn branches(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((stem, rest)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let mut depth = 0;
    let parts = inside.split(|sign| {
        depth += i32::from(sign == '{') - i32::from(sign == '}');
        sign == ',' && depth == 0
    });
    parts
        .filter(|part| !part.trim().is_empty())
        .flat_map(branches)
        .map(|branch| format!("{}{branch}", stem.trim()))
        .collect()
}

/// The code with its `use` statements blanked.
fn without_uses(code: &str) -> String {
    let mut rest = code.to_owned();
    for at in words(code, "use") {
        let end = code[at..]
            .find(';')
            .map_or(code.len(), |length| at + length);
        rest.replace_range(at..end, &" ".repeat(end - at));
    }
    rest
}

/// Paths that stand in the code itself, without a `use`.
fn paths_within(code: &str) -> Vec<Module> {
    let code = &without_uses(code);
    let mut found = Vec::new();
    for start in ["crate", "super", "self"] {
        for at in words(code, start) {
            let path: String = code[at..]
                .chars()
                .take_while(|sign| sign.is_alphanumeric() || ['_', ':'].contains(sign))
                .collect();
            let is_inside = code[..at].ends_with("::");
            if path.contains("::") && !path.ends_with(':') && !is_inside {
                found.push(path.split("::").map(str::to_owned).collect());
            }
        }
    }
    found
}

#[test]
fn no_two_files_of_a_room_use_each_other() {
    let files = files_under("src", &["rs"]);
    let house = House::new(
        files
            .iter()
            .map(|path| (module_path(path), read(path)))
            .collect::<Vec<_>>(),
    );
    assert!(house.files.len() > 200, "{} files", house.files.len());
    let knots = house.knots();
    let is_known = |knot: &String| {
        let room = knot.split("::").next().unwrap_or_default();
        NOT_YET.contains(&room)
    };
    let (known, found): (Vec<String>, Vec<String>) = knots.into_iter().partition(is_known);
    assert_eq!(
        known.len(),
        NOT_YET.len(),
        "a room is free of circles: take it off the list"
    );
    expect_none("files that use each other", &found);
}

fn house(files: &[(&str, &str)]) -> House {
    let files = files.iter().map(|(path, text)| {
        let path = Path::new(path);
        (module_path(path), (*text).to_owned())
    });
    House::new(files)
}

#[test]
fn a_circle_is_found_over_three_files_however_the_use_is_written() {
    for back in [
        "use super::a::X;",
        "use crate::load::{a, b as other};",
        "fn f() { super::a::g() }",
        "use crate::load::Given;",
    ] {
        let house = house(&[
            ("src/load/mod.rs", "mod a; mod b; mod c; pub use a::Given;"),
            ("src/load/a.rs", "use super::b::{self, Y};"),
            ("src/load/b.rs", "pub fn f() { crate::load::c::g(); }"),
            ("src/load/c.rs", back),
        ]);
        assert_eq!(house.knots(), ["load::a <-> load::b <-> load::c"], "{back}");
    }
}

#[test]
fn a_folder_and_what_lies_in_it_a_test_and_another_room_are_no_circle() {
    let house = house(&[
        ("src/load/mod.rs", "mod a; mod b; use a::X; pub struct S;"),
        (
            "src/load/a.rs",
            "use super::S; use crate::host::H; use super::b::B;",
        ),
        (
            "src/load/b.rs",
            "// use super::a::X;\npub struct B;\n#[cfg(test)]\nmod tests { use super::a::X; }",
        ),
        ("src/host/mod.rs", "use crate::load::a;"),
    ]);
    assert_eq!(house.knots(), [""; 0]);
}
