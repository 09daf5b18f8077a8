//! Which error came first: later ones are consequences.

use super::cause::{Lines, Sign, causes};
use super::evidence::Evidence;
use super::view::Source;

/// Whether a line of this source can match such a sign.
pub(super) fn fits(sign: &Sign, source: Source) -> bool {
    match sign {
        Sign::Console(_) => source == Source::Console,
        Sign::Platform(_) => source == Source::Platform,
        Sign::Text(_) => true,
        _ => false,
    }
}

/// The pattern that a sign looks for in lines.
pub(super) fn lines_of(sign: &Sign) -> Option<&Lines> {
    match sign {
        Sign::Console(lines) | Sign::Platform(lines) | Sign::Text(lines) => Some(lines),
        _ => None,
    }
}

/// The first decisive line of each start that failed, and of everything outside of them.
pub(super) fn first_decisive(evidence: &Evidence<'_>) -> Vec<u32> {
    let mut decisive: Vec<u32> = Vec::new();
    for cause in causes() {
        for clue in &cause.clues {
            clue.check.walk(&mut |sign| {
                let Some(lines) = lines_of(sign).filter(|lines| lines.decisive) else {
                    return;
                };
                let hits = evidence.scan.hits(&lines.matches).iter().copied();
                decisive.extend(hits.filter(|number| {
                    let line = evidence.view.lines.get(*number as usize);
                    line.is_some_and(|line| {
                        fits(sign, line.source)
                            && line
                                .time
                                .is_none_or(|time| evidence.windows.around_main(time))
                    })
                }));
            });
        }
    }
    decisive.sort_unstable();
    decisive.dedup();
    let mut first: Vec<u32> = Vec::new();
    let mut outside = None;
    let mut seen_starts: Vec<usize> = Vec::new();
    for number in decisive {
        let of_start = evidence
            .starts
            .iter()
            .position(|start| start.lines.0 <= number && number < start.lines.1);
        match of_start.filter(|at| evidence.starts[*at].has_failed()) {
            Some(at) if !seen_starts.contains(&at) => {
                seen_starts.push(at);
                first.push(number);
            }
            Some(_) => {}
            None if outside.is_none() => {
                outside = Some(number);
                first.push(number);
            }
            None => {}
        }
    }
    first
}

/// How much a decisive pattern counts: in full where it is the first in any failed start or outside
/// of them, else a quarter.
pub(super) fn share(evidence: &Evidence<'_>, hits: &[u32]) -> f64 {
    let is_first = |number: &u32| {
        let line = evidence.view.lines.get(*number as usize);
        let time = line.and_then(|line| line.time);
        evidence.first_decisive.iter().any(|first| {
            // What is written within the same moment belongs to the same error.
            first == number
                || (time.is_some()
                    && evidence
                        .view
                        .lines
                        .get(*first as usize)
                        .and_then(|line| line.time)
                        .zip(time)
                        .is_some_and(|(first, own)| {
                            (0.0..0.02).contains(&own.seconds_since(first))
                        }))
        })
    };
    let of_console_text = hits.iter().take(64).any(is_first);
    if of_console_text { 1.0 } else { 0.25 }
}
