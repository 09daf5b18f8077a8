//! The page's style. Colours are variables, so that dark mode and print change them in one place.

use crate::report::chart::{DARK, LIGHT, RULES};

/// The whole style sheet.
pub(super) fn style() -> String {
    [
        ROOT,
        LIGHT,
        ROOT_IN_THE_DARK,
        DARK,
        PAGE,
        RULES,
        NARROW_AND_PRINT,
        LIGHT,
        PRINT,
    ]
    .concat()
}

/// The colours of the page, to which those of the charts are added.
const ROOT: &str = "
:root {
  color-scheme: light dark;
  --page: #fdfcf9; --card: #ffffff; --text: #1d2126; --soft: #5b6470; --line: #d9dcdf;
  --good: #14713d; --good-soft: #e2f2e7; --bad: #b3261e; --bad-soft: #fbe7e4;
  --unsure: #8a5a00; --unsure-soft: #fbf0d9;
";

/// The same in dark mode.
const ROOT_IN_THE_DARK: &str = "
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1c2024; --text: #e6e8ea; --soft: #a3abb5; --line: #363c43;
    --good: #74cf98; --good-soft: #17301f; --bad: #ff9b91; --bad-soft: #3a1a17;
    --unsure: #f0c36b; --unsure-soft: #33280f;
";

/// Words, tables and the ground of the charts.
const PAGE: &str = "
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 62rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .2rem 0; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
p { margin: .4rem 0; }
a { color: inherit; }
code, pre, .quote { font-family: ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace; font-size: .84rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem;
  overflow-x: auto; white-space: pre-wrap; margin: .4rem 0; }
.kicker, .reading, .caption-text { color: var(--soft); font-size: .9rem; }
.badge { display: inline-block; padding: .1rem .6rem; border-radius: 1rem; font-weight: 600; font-size: .86rem;
  white-space: nowrap; }
.badge.large { font-size: 1rem; padding: .2rem .8rem; }
.good { color: var(--good); background: var(--good-soft); }
.bad { color: var(--bad); background: var(--bad-soft); }
.unsure { color: var(--unsure); background: var(--unsure-soft); }
.plain { color: var(--soft); background: var(--phase-strong); }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: .84rem; }
tr.group th { background: var(--phase-strong); font-size: .86rem; }
td .id { color: var(--soft); font-size: .82rem; }
.quote { display: block; color: var(--soft); margin-top: .25rem; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
li { margin: .2rem 0; }
.warnings { border-left: .25rem solid var(--unsure); padding-left: .8rem; }
figure.chart { margin: 1rem 0; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .8rem; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: .4rem; }
.canvas { overflow-x: auto; }
.canvas:focus-visible { outline: 2px solid var(--answered); }
svg { display: block; width: 100%; min-width: 32rem; max-width: 54rem; height: auto; }
svg.narrow { display: none; }
";

/// Narrow screens, and the colours of print.
const NARROW_AND_PRINT: &str = "
footer { margin-top: 2.5rem; color: var(--soft); font-size: .86rem; border-top: 1px solid var(--line); padding-top: .6rem; }
@media (max-width: 44rem) {
  body { padding: .8rem; }
  h1 { font-size: 1.3rem; }
  table, tbody, tr, td, th { display: block; width: 100%; }
  thead { position: absolute; left: -100vw; }
  tr { border-top: 1px solid var(--line); padding: .4rem 0; }
  th, td { border: 0; padding: .2rem .7rem; }
  figure.chart { padding: .6rem .4rem; }
  svg { min-width: 0; }
  svg text { font-size: 19px; }
  svg .tick, svg .caption, svg .phase-name, svg .on-bar { font-size: 17px; }
  svg.wide { display: none; }
  svg.narrow { display: block; }
  svg.narrow text { font-size: 12.5px; }
  svg.narrow .tick, svg.narrow .caption, svg.narrow .phase-name { font-size: 12px; }
  svg.narrow .value { font-size: 11.5px; }
  td[data-label]::before { content: attr(data-label) ': '; color: var(--soft); font-size: .82rem; }
}
@media print {
  :root { --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb;
    --good: #14713d; --bad: #b3261e; --unsure: #8a5a00;
    --good-soft: #fff; --bad-soft: #fff; --unsure-soft: #fff;
";

/// Print.
const PRINT: &str = "
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  svg { min-width: 0; }
  svg.wide { display: block; }
  svg.narrow { display: none; }
  .badge { border: 1px solid currentColor; }
  tr, pre, figure { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
";
