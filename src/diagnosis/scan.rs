//! Every pattern of every cause, and the platform's own landmarks, found in one pass over all lines.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{RegexSet, RegexSetBuilder};

use super::cause::{Sign, causes};
use super::view::{Line, Source, View};

/// Hits of one pattern that are kept, beside their number.
const KEPT: usize = 4_096;

/// Signs of a line that are looked at: what decides stands at its beginning.
const LOOKED_AT: usize = 4_096;

/// What the platform and the servers say in the life of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Landmark {
    Begin,
    Banner,
    Ready,
    Exited,
    NotCreated,
    NotPulled,
    NoAnswer,
    Abandoned,
    Stopping,
    Swap,
    Unhealthy,
    Working,
}

/// Landmarks, each with the source that says it.
const LANDMARKS: [(Landmark, bool, &str); 12] = [
    (
        Landmark::Begin,
        true,
        r"^Starting container|docker run -d|^Container start method called|Action: StartingSiteContainers|^Pulling image: |^Initiating warmup request|^Creating container for image",
    ),
    (
        Landmark::Banner,
        false,
        r"A P P   S E R V I C E|^Site's appCommandLine|\] Starting gunicorn|Launching oryx with",
    ),
    (
        Landmark::Ready,
        true,
        r"^Site started\.|initialized successfully and is ready|^Site startup probe succeeded|Action: WarmUpProbeSucceeded|State: Started,|Site is running with|[Ss]tarted successfully",
    ),
    (
        Landmark::Exited,
        true,
        r"has exited, failing site start|finished running with exit code: [1-9]|terminated during site startup|exited unexpectedly|ContainerExited|Container exited with",
    ),
    (
        Landmark::NotCreated,
        true,
        r"Container start failed for|Container create failed|OCI runtime create failed|Container start up interrupted|cannot be mounted at|failed to create (shim )?task",
    ),
    (
        Landmark::NotPulled,
        true,
        r"(?i)image pull failed|imagepull\w*fail|failed to pull image|pull image failed|manifest unknown|pull access denied|manifest for .* not found|no matching manifest",
    ),
    (
        Landmark::NoAnswer,
        true,
        r"didn't respond to HTTP pings|did not start within expected time limit|[Ss]tartup probe failed|failed to respond to HTTP|has not responded to|warmup.*timed out|ContainerTimeout",
    ),
    (
        Landmark::Abandoned,
        true,
        r"because it failed during startup|^Failed to start site|Start site prohibited|blocked due to multiple|Action: CancellingStartup|failing site start",
    ),
    (
        Landmark::Stopping,
        true,
        r"^Stopping container: |^Stopping site |Action: StoppingSite\b|^Container is terminating|^Site: \S+ stopped",
    ),
    (
        Landmark::Swap,
        true,
        r"(?i)swap(ping|ped)? (slot|with|of|web ?site|from|complet)|slotsswap|slot swap|applySlotConfig|SwapSlots|swap operation",
    ),
    (
        Landmark::Unhealthy,
        true,
        r"(?i)health ?check.*(fail|unhealthy|remov|replac|restart)|unhealthy (instance|for)|marked as unhealthy|instance .*unhealthy",
    ),
    (
        Landmark::Working,
        false,
        r"Reason: (Worker failed to boot|App failed to load)|npm ERR! (code ELIFECYCLE|errno|missing script)|Application startup failed|code: 'MODULE_NOT_FOUND'",
    ),
];

/// The patterns of all causes and landmarks.
struct Patterns {
    set: RegexSet,
    /// Number of each pattern of a cause, after the landmarks.
    numbers: HashMap<&'static str, usize>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let mut texts: Vec<&'static str> = LANDMARKS.iter().map(|(_, _, text)| *text).collect();
    let mut numbers = HashMap::new();
    for cause in causes() {
        for clue in &cause.clues {
            clue.check.walk(&mut |sign| {
                if let Sign::Console(lines) | Sign::Platform(lines) | Sign::Text(lines) = sign {
                    numbers.entry(lines.matches.as_str()).or_insert_with(|| {
                        texts.push(&lines.matches);
                        texts.len() - 1
                    });
                }
            });
        }
    }
    let set = RegexSetBuilder::new(&texts)
        .size_limit(64 << 20)
        .dfa_size_limit(64 << 20)
        .build()
        .unwrap_or_else(|_| RegexSet::empty());
    Patterns { set, numbers }
});

/// Lines that one pattern matches.
#[derive(Debug, Clone, Default)]
pub(super) struct Hits {
    /// The first of them, as numbers of lines.
    pub lines: Vec<u32>,
}

/// What was found.
pub(super) struct Scan {
    hits: Vec<Hits>,
    /// Landmarks in the order of the lines.
    pub landmarks: Vec<(u32, Landmark)>,
}

impl Scan {
    pub fn of(view: &View<'_>) -> Scan {
        let patterns = &*PATTERNS;
        let mut scan = Scan {
            hits: vec![Hits::default(); patterns.set.len()],
            landmarks: Vec::new(),
        };
        let mut last: Option<(&str, Vec<usize>)> = None;
        for (number, line) in (0_u32..).zip(&view.lines) {
            let text = head(&line.text);
            // Logs repeat themselves: the same text again matches the same.
            let found = match last {
                Some((same, found)) if same == text => found,
                _ => patterns.set.matches(text).into_iter().collect(),
            };
            for pattern in &found {
                scan.note(number, line, *pattern);
            }
            last = Some((text, found));
        }
        scan
    }

    fn note(&mut self, number: u32, line: &Line<'_>, pattern: usize) {
        match LANDMARKS.get(pattern) {
            Some((landmark, of_platform, _)) => {
                let fits = match line.source {
                    Source::Platform => *of_platform,
                    Source::Console => !of_platform,
                    Source::Text(_) => *landmark == Landmark::Swap,
                };
                if fits {
                    self.landmarks.push((number, *landmark));
                }
            }
            None => {
                if let Some(hits) = self.hits.get_mut(pattern)
                    && hits.lines.len() < KEPT
                {
                    hits.lines.push(number);
                }
            }
        }
    }

    /// The lines that match a pattern of a cause.
    pub fn hits(&self, pattern: &str) -> &[u32] {
        let number = PATTERNS.numbers.get(pattern);
        number
            .and_then(|number| self.hits.get(*number))
            .map_or(&[], |hits| hits.lines.as_slice())
    }
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
