//! Where a page gives a command.

/// How much of a command line is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of it, to be typed as it stands: a fenced block, or a row of a runbook.
    Line,
    /// Perhaps only its name or one option, within a sentence.
    Mention,
}

/// A piece of shell on a page.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The page and the line, as one would look it up.
    pub(super) place: String,
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// Languages of a fence that hold commands; in a console only lines with a prompt do.
const SHELLS: [&str; 3] = ["sh", "bash", "shell"];

/// Programs of this project with which a command in a sentence begins.
const OWN: [&str; 2] = ["labrat", "scripts/"];

/// The commands of a page.
pub(super) fn commands(page: &str, text: &str) -> Vec<Given> {
    let mut given = Vec::new();
    let mut fence: Option<(&str, usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let opens = line.trim_start().strip_prefix("```");
        match (&mut fence, opens) {
            (None, Some(language)) => fence = Some((language.trim(), index + 2, String::new())),
            (Some((language, begin, body)), Some(_)) => {
                if SHELLS.contains(language) || *language == "console" {
                    given.push(Given {
                        place: format!("{page}:{begin}"),
                        text: std::mem::take(body),
                        kind: Kind::Line,
                    });
                }
                fence = None;
            }
            (Some((language, _, body)), None) => match *language {
                "console" => {
                    let typed = line.strip_prefix("$ ").unwrap_or_default();
                    body.push_str(typed);
                    body.push('\n');
                }
                _ => {
                    body.push_str(line);
                    body.push('\n');
                }
            },
            (None, None) => given.extend(spans(page, index + 1, line)),
        }
    }
    given
}

/// The commands of a workflow's steps, one line each. Values of its matrix stand as placeholders.
pub(super) fn steps(file: &str, text: &str) -> Vec<Given> {
    let numbered = text.lines().enumerate();
    let runs = numbered.filter_map(|(index, line)| {
        let command = line.trim_start().strip_prefix("run: ")?;
        Some(Given {
            place: format!("{file}:{}", index + 1),
            text: command
                .replace("\"$SCENARIO\"", "SCENARIO")
                .replace("\"$FIX\"", "FIX"),
            kind: Kind::Line,
        })
    });
    runs.collect()
}

/// The commands among the code spans of a line.
fn spans(page: &str, line: usize, text: &str) -> Vec<Given> {
    let runbook = page.contains("/scenarios/") && text.starts_with('|');
    let kind = if runbook { Kind::Line } else { Kind::Mention };
    let inside = text.split('`').skip(1).step_by(2);
    let own = inside.filter(|span| {
        let first = span.split(' ').next().unwrap_or_default();
        OWN.iter()
            .any(|own| first == *own || own.ends_with('/') && first.starts_with(own))
            && !first.ends_with('/')
    });
    own.map(|span| Given {
        place: format!("{page}:{line}"),
        text: span.trim_end_matches("...").to_owned(),
        kind,
    })
    .collect()
}

#[test]
fn commands_are_found_in_fences_consoles_and_spans_and_nowhere_else() {
    let page = "Say `labrat host` and `wc -l`.\n```sh\nlabrat probe \\\n    x\n```\n\
                ```text\nlabrat nothing\n```\n```console\n$ labrat ctl\nanswer\n```\n\
                | `scripts/fix.sh a` |\n";
    let found = commands("docs/scenarios/page.md", page);
    let found: Vec<(&str, &str, Kind)> = found
        .iter()
        .map(|given| (given.place.as_str(), given.text.trim(), given.kind))
        .collect();
    assert_eq!(
        found,
        [
            ("docs/scenarios/page.md:1", "labrat host", Kind::Mention),
            (
                "docs/scenarios/page.md:3",
                "labrat probe \\\n    x",
                Kind::Line
            ),
            ("docs/scenarios/page.md:10", "labrat ctl", Kind::Line),
            ("docs/scenarios/page.md:13", "scripts/fix.sh a", Kind::Line),
        ]
    );
}

#[test]
fn the_commands_of_a_workflow_are_its_steps() {
    let found = steps(
        "w.yml",
        "steps:\n  - name: x\n    run: labrat rehearse \"$SCENARIO\"\n    uses: y\n",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].place.as_str(), found[0].text.as_str()),
        ("w.yml:3", "labrat rehearse SCENARIO")
    );
}
