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
        // What went wrong on the way to a good start was overcome.
        let overcome = |at: usize| {
            let start = &evidence.starts[at];
            !start.has_failed() && start.ready.is_some_and(|ready| ready > number)
        };
        if of_start.is_some_and(overcome) {
            continue;
        }
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

/// How much a decisive pattern counts: in full where it is the first of the first start that failed,
/// or of what lies outside of them; less as the first of a later start; else a quarter.
pub(super) fn share(evidence: &Evidence<'_>, hits: &[u32]) -> f64 {
    const OF_A_LATER_START: f64 = 0.4;
    const CONSEQUENCE: f64 = 0.25;
    let in_failed = |number: u32| {
        let mut failed = evidence.failed_starts();
        failed.any(|start| start.lines.0 <= number && number < start.lines.1)
    };
    let first_of_all = evidence
        .first_decisive
        .iter()
        .copied()
        .find(|number| in_failed(*number));
    let time_of = |number: u32| evidence.view.lines.get(number as usize)?.time;
    // What is written within the same moment belongs to the same error.
    let same = |first: u32, number: u32| {
        let apart = time_of(number).zip(time_of(first));
        first == number
            || apart.is_some_and(|(own, first)| (0.0..0.02).contains(&own.seconds_since(first)))
    };
    let mut best: f64 = CONSEQUENCE;
    for number in hits.iter().take(64) {
        let firsts = evidence.first_decisive.iter();
        for first in firsts.filter(|first| same(**first, *number)) {
            let counts = match in_failed(*first) && Some(*first) != first_of_all {
                true => OF_A_LATER_START,
                false => 1.0,
            };
            best = best.max(counts);
        }
    }
    best
}
