//! Measures in sentences, for the page of a scenario.

use std::collections::BTreeMap;

use super::words::when;
use crate::evidence::criteria::{
    Command, During, FigureChange, Groups, Lines, Measure, Metric, Moment, PerRequest, Process,
    Ready, Requests, SettingState, Statuses, Tail,
};
use crate::evidence::manifest::EventKind;

/// Routes by the name of their role.
type Roles = BTreeMap<String, String>;

/// What has to hold for the measure to be met.
pub(super) fn sentence(measure: &Measure, roles: &Roles) -> String {
    let parts = |parts: &[Measure], between: &str| {
        let words: Vec<String> = parts.iter().map(|part| sentence(part, roles)).collect();
        words.join(between)
    };
    match measure {
        Measure::All(of) => parts(of, ", and "),
        Measure::Any(of) => parts(of, ", or "),
        Measure::First(of) => parts(of, "; where that has no evidence, "),
        Measure::Not(of) => format!("it is not so that {}", sentence(of, roles)),
        Measure::Requests(requests) => of_requests(requests, roles),
        Measure::Tail(tail) => of_tail(tail, &route(&tail.role, roles)),
        Measure::Groups(groups) => of_groups(groups, &route(&groups.role, roles)),
        Measure::Figure(change) => of_figure(change),
        Measure::PerRequest(each) => of_calls(each, &route(&each.role, roles)),
        Measure::PoolFull(_) => {
            "a snapshot of `/diag/workers` shows every worker busy and at least \
                                 one connection waiting"
                .to_owned()
        }
        Measure::Console(lines) => of_lines(lines, "line", "of the console"),
        Measure::Platform(lines) => of_lines(lines, "message", "of the platform"),
        Measure::Restart(_) => "the site stops or starts within the load".to_owned(),
        Measure::Command(command) => of_command(command),
        Measure::Ready(ready) => of_ready(ready),
        Measure::Snapshot(presence) => {
            format!("`{}` answered {}", presence.of.path(), when(presence.at))
        }
        Measure::Process(process) => of_process(process),
        Measure::Event(done) => format!("{}, and that succeeded", event(done.kind)),
        Measure::Setting(setting) => of_setting(setting),
    }
}

fn route(role: &str, roles: &Roles) -> String {
    let route = roles.get(role).map_or(role, String::as_str);
    format!("`{route}`")
}

fn of_requests(requests: &Requests, roles: &Roles) -> String {
    let to = match (&requests.path, &requests.role) {
        (Some(path), _) => format!(" to `{path}`"),
        (None, Some(role)) => format!(" to {}", route(role, roles)),
        (None, None) => String::new(),
    };
    let moment = match requests.moment {
        Some(Moment::Before) => " before the fix",
        Some(Moment::After) => " after the fix",
        None => "",
    };
    let how = how_it_ended(requests);
    if requests.last {
        return format!("the last request{to}{moment} {how}");
    }
    let many = match (
        requests.at_least,
        requests.share_at_least,
        requests.share_below,
    ) {
        (Some(1), ..) => format!("at least one request{to}{moment}"),
        (Some(count), ..) => format!("at least {count} requests{to}{moment}"),
        (None, Some(share), _) if share >= 1.0 => format!("every request{to}{moment}"),
        (None, Some(share), _) => {
            format!("at least {} of the requests{to}{moment}", percent(share))
        }
        (None, None, Some(share)) => {
            format!("less than {} of the requests{to}{moment}", percent(share))
        }
        (None, None, None) => format!("requests{to}{moment}"),
    };
    format!("{many} {how}")
}

fn how_it_ended(requests: &Requests) -> String {
    if requests.gave_up {
        return "ended because the client gave up".to_owned();
    }
    let answered = match requests.status {
        Some(Statuses::Exactly(status)) => Some(format!("got {status}")),
        Some(Statuses::Class(hundred)) => Some(format!("got {hundred}xx")),
        Some(Statuses::Not(status)) => Some(format!("got something else than {status}")),
        None => None,
    };
    let within = requests
        .within_seconds
        .map(|seconds| format!("got 2xx within {seconds} s"));
    let longer = requests
        .longer_seconds
        .map(|seconds| format!("lasted {seconds} s or longer"));
    let all: Vec<String> = answered.into_iter().chain(within).chain(longer).collect();
    if all.is_empty() {
        return "were made".to_owned();
    }
    all.join(" and ")
}

fn of_tail(tail: &Tail, route: &str) -> String {
    let slowest = format!("the 95th percentile of {route} is");
    match (tail.times_at_least, tail.times_below) {
        (Some(times), _) => format!(
            "{slowest} at least {times} times its median, or the 95th percentile before the load"
        ),
        (None, Some(times)) => format!(
            "{slowest} less than {times} times its median and the 95th percentile before the load"
        ),
        (None, None) => format!("{slowest} known"),
    }
}

fn of_groups(groups: &Groups, route: &str) -> String {
    format!(
        "the durations of {route} fall in two groups, below {} and above {} of the client's limit, \
         with at most {} of them in between",
        percent(groups.low),
        percent(groups.high),
        percent(groups.between)
    )
}

fn of_figure(change: &FigureChange) -> String {
    let (name, unit) = figure(change.of);
    let (at, from) = (when(change.at), when(change.from));
    let amount = |value: f64| format!("{}{unit}", grouped(value));
    let at_level = change
        .at_least
        .map(|value| format!("is {} or more {at}", amount(value)))
        .or_else(|| {
            change
                .below
                .map(|value| format!("is below {} {at}", amount(value)))
        });
    let times = change
        .ratio_at_most
        .map(|times| format!("is {at} at most {times} times what it was {from}"))
        .or_else(|| {
            let above = change.ratio_above;
            above.map(|times| format!("is {at} more than {times} times what it was {from}"))
        });
    let moved = change
        .grows_at_least
        .map(|value| {
            format!(
                "grows by {} or more from what it was {from} to {at}",
                amount(value)
            )
        })
        .or_else(|| {
            let less = change.grows_less_than;
            less.map(|value| {
                format!(
                    "grows by less than {} between {from} and {at}",
                    amount(value)
                )
            })
        })
        .or_else(|| {
            let falls = change.falls_at_least;
            falls.map(|value| format!("falls by {} or more between {from} and {at}", amount(value)))
        });
    let how = at_level.or(times).or(moved);
    format!("{name} {}", how.unwrap_or_else(|| format!("is known {at}")))
}

/// A figure's name and unit.
const fn figure(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::MemoryHeadroom => ("the memory that is left", " kB"),
        Metric::Reclaim => ("the count of reclaimed pages", ""),
        Metric::AllocationStalls => ("the count of allocations that had to wait", ""),
        Metric::SwapTraffic => ("the traffic to and from swap", ""),
        Metric::SwapFree => ("free swap", " kB"),
        Metric::LeakBlocks => ("the number of leaked blocks in a worker", ""),
        Metric::MemoryPressure => ("the pressure on memory (`some avg10`)", " %"),
        Metric::CpuPressure => ("the pressure on the processors (`some avg10`)", " %"),
        Metric::OutOfMemoryKills => ("the count of kills for memory", ""),
        Metric::AcceptQueue => ("the number of connections that wait for a worker", ""),
    }
}

fn of_calls(each: &PerRequest, route: &str) -> String {
    let calls = each
        .calls_at_least
        .map(|count| format!("{count} or more outbound calls, retries counted,"));
    let connections = each
        .connections_at_least
        .map(|count| format!("{count} or more new outbound connections"));
    let what: Vec<String> = calls.into_iter().chain(connections).collect();
    format!(
        "there are {} for each request to {route}",
        what.join(" and ")
    )
}

fn of_lines(lines: &Lines, kind: &str, of: &str) -> String {
    let many = match lines.at_least {
        1 => format!("a {kind}"),
        count => format!("at least {count} {kind}s"),
    };
    let matches = if lines.at_least == 1 {
        "matches"
    } else {
        "match"
    };
    let during = match lines.during {
        During::Run => "",
        During::Load => " within the load",
        During::JustBefore => " in the minute before the load",
    };
    format!("{many} {of}{during} {matches} `{}`", lines.matches)
}

fn of_command(command: &Command) -> String {
    let moment = match command.moment {
        Moment::Before => "before the fix",
        Moment::After => "after the fix",
    };
    let binds = command.binds_in_reach.map(|in_reach| match in_reach {
        true => "binds where the platform looks".to_owned(),
        false => "binds where the platform does not look".to_owned(),
    });
    let workers = command
        .workers_at_least
        .map(|workers| format!("asks for {workers} workers or more"));
    let matches = command
        .matches
        .as_ref()
        .map(|text| match text.strip_prefix('{') {
            Some(name) => format!(
                "names the {} that the console names",
                name.trim_end_matches('}')
            ),
            None => format!("matches `{text}`"),
        });
    let all: Vec<String> = binds.into_iter().chain(workers).chain(matches).collect();
    let how = if all.is_empty() {
        "is known".to_owned()
    } else {
        all.join(" and ")
    };
    format!("the startup command {moment} {how}")
}

fn of_ready(ready: &Ready) -> String {
    let passed = if ready.ok { "passed" } else { "failed" };
    let words = match ready.words.as_slice() {
        [] => String::new(),
        words => format!(" with `{}`", words.join("` or `")),
    };
    format!(
        "`/ready` said {} that its check `{}` {passed}{words}",
        when(ready.at),
        ready.check
    )
}

fn of_process(process: &Process) -> String {
    let after = process
        .younger_than
        .map(|kind| format!("the process that serves started after {}", event(kind)));
    let young = process.younger_than_seconds.map(|seconds| {
        format!("the process that serves was younger than {seconds} s before the load")
    });
    let replaced = process.replaced_with_few_blocks.map(|phase| {
        format!(
            "a worker that was not there before the load holds few leaked blocks {}",
            when(phase)
        )
    });
    let all: Vec<String> = after.into_iter().chain(young).chain(replaced).collect();
    all.join(" and ")
}

const fn event(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Deployment => "a package was deployed",
        EventKind::CommandChanged => "the startup command was changed",
        EventKind::SettingChanged => "a setting was changed",
        EventKind::Swap => "the slots were swapped",
        EventKind::Restart => "the site was restarted on request",
        EventKind::DependencyChanged => "the called service was changed",
        EventKind::Reset => "every fault was undone",
        EventKind::Note => "something was noted",
    }
}

fn of_setting(setting: &SettingState) -> String {
    let (name, slot) = (&setting.name, &setting.slot);
    let sticky = setting.sticky.map(|sticky| match sticky {
        true => format!("`{name}` of {slot} is a slot setting"),
        false => format!("`{name}` of {slot} is no slot setting"),
    });
    let resolved = setting.resolved.map(|resolved| match resolved {
        true => format!("the platform says that it resolved the reference in `{name}` of {slot}"),
        false => {
            format!("the platform says that it did not resolve the reference in `{name}` of {slot}")
        }
    });
    let changed = setting.changed.map(|changed| match changed {
        true => format!("`/config` of {slot} shows another `{name}` after the load than before it"),
        false => format!("`/config` of {slot} shows the same `{name}` before and after the load"),
    });
    let matches = setting.matches_expected.map(|matches| match matches {
        true => format!("`/diag/slots` of {slot} says that every setting is as expected"),
        false => format!("`/diag/slots` of {slot} says that a setting is not as expected"),
    });
    let all = [sticky, resolved, changed, matches];
    let all: Vec<String> = all.into_iter().flatten().collect();
    all.join(" and ")
}

fn percent(share: f64) -> String {
    // Shares have two decimals: what is more is the binary's.
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number with its thousands apart.
fn grouped(value: f64) -> String {
    let text = format!("{value}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut digits = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            digits.push(',');
        }
        digits.push(digit);
    }
    if rest.is_empty() {
        digits
    } else {
        format!("{digits}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::catalogue;

    #[test]
    fn every_measure_of_the_catalogue_is_a_sentence_that_says_what_it_compares() {
        for scenario in catalogue::all() {
            for (_, criterion) in scenario.rules.criteria() {
                let text = sentence(&criterion.check, &scenario.roles);
                let place = format!("{} {}: {text}", scenario.name(), criterion.id);
                assert!(text.split(' ').count() >= 4, "{place}");
                let mut patterns = Vec::new();
                criterion
                    .check
                    .walk(&mut |part| patterns.extend(part.pattern()));
                for dumped in ["  ", "role", " known", "``", ": ", "_seconds"] {
                    let is_pattern = patterns.iter().any(|pattern| pattern.contains(dumped));
                    assert!(
                        is_pattern || !text.contains(dumped),
                        "{dumped:?} in {place}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_false_is_said_as_well() {
        let setting = |sticky| {
            let state = SettingState {
                name: "A".to_owned(),
                slot: "production".to_owned(),
                sticky: Some(sticky),
                changed: None,
                matches_expected: None,
                resolved: None,
            };
            sentence(&Measure::Setting(state), &Roles::new())
        };
        assert_eq!(setting(true), "`A` of production is a slot setting");
        assert_eq!(setting(false), "`A` of production is no slot setting");
        assert_eq!(
            (percent(0.9), percent(0.005)),
            ("90 %".to_owned(), "0.5 %".to_owned())
        );
        assert_eq!(
            (grouped(1234567.0), grouped(12.5)),
            ("1,234,567".to_owned(), "12.5".to_owned())
        );
    }
}
