//! The look of the charts, in a page and in a file of their own. Colours are variables; those of routes
//! are from Okabe and Ito's palette, which people who see fewer colours tell apart.

/// Colours on a light ground.
pub(in crate::report) const LIGHT: &str = "
  --answered: #2f6fb3; --other: #6c5fc7; --error: #b3261e; --gave-up: #c25e00; --no-answer: #6b7280;
  --route-0: #0072b2; --route-1: #d55e00; --route-2: #009e73; --route-3: #cc79a7;
  --phase: #00000009; --phase-strong: #0000000f; --on-bar: #ffffff;
";

/// Colours on a dark ground.
pub(in crate::report) const DARK: &str = "
  --answered: #78b1ee; --other: #b3a8ff; --error: #ff8d82; --gave-up: #ffa34d; --no-answer: #a3abb5;
  --route-0: #56b4e9; --route-1: #f0a04b; --route-2: #3ecf9f; --route-3: #e6a5c8;
  --phase: #ffffff0a; --phase-strong: #ffffff14; --on-bar: #14171a;
";

/// What stands around a chart in a page, for a chart that stands alone.
pub(super) const ALONE: &str = "
  --card: #ffffff; --text: #1d2126; --soft: #5b6470; --line: #d9dcdf;
";

/// Everything that is drawn.
pub(in crate::report) const RULES: &str = "
svg text { fill: var(--text); font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
svg .heading { font-size: 16px; font-weight: 600; }
svg .ground { fill: var(--card); }
svg .strong { font-weight: 600; }
svg .tick, svg .caption, svg .phase-name { fill: var(--soft); font-size: 11px; }
svg .on-bar { fill: var(--on-bar); font-weight: 600; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .phase { fill: var(--phase); }
svg .phase.trigger, svg .phase.mid { fill: var(--phase-strong); }
svg .mark.answered { fill: var(--answered); fill-opacity: .7; }
svg .mark.other { fill: var(--other); }
svg .mark.error { fill: var(--error); }
svg .mark.gave-up { stroke: var(--gave-up); stroke-width: 2; fill: none; }
svg .mark.no-answer { fill: none; stroke: var(--no-answer); stroke-width: 1.6; }
svg .bar.answered, svg .bar.busy { fill: var(--answered); }
svg .bar.other { fill: var(--other); }
svg .bar.error { fill: var(--error); }
svg .bar.gave-up { fill: var(--gave-up); }
svg .bar.no-answer { fill: var(--no-answer); }
svg .bar { stroke: var(--card); stroke-width: 1; }
svg .service.route-0 { fill: var(--route-0); }
svg .service.route-1 { fill: var(--route-1); }
svg .service.route-2 { fill: var(--route-2); }
svg .service.route-3 { fill: var(--route-3); }
svg .route-name { font-weight: 600; }
svg .wait { stroke: var(--soft); stroke-width: 1; stroke-opacity: .75; }
svg .line { fill: none; stroke-width: 2; }
svg .line.memory { stroke: var(--answered); }
svg .line.swap { stroke: var(--other); stroke-dasharray: 7 3; }
svg .line.pressure { stroke: var(--gave-up); stroke-dasharray: 2 3; }
svg .line.tail { stroke: var(--error); }
svg .line.queue { stroke: var(--soft); }
svg .line.thin { stroke-width: 1.4; stroke-dasharray: none; }
svg .point.memory { fill: var(--answered); }
svg .point.swap { fill: var(--other); }
svg .point.pressure { fill: var(--gave-up); }
svg .point.tail { fill: var(--soft); fill-opacity: .5; }
svg .point.queue { fill: var(--error); }
svg .happened { fill: var(--soft); }
svg .happened.lane-0 { fill: var(--answered); }
svg .happened.lane-1 { fill: var(--other); }
svg .happened.lane-2 { fill: none; stroke: var(--text); stroke-width: 1.5; }
svg .told { font-size: 11.5px; }
svg .told.decided { font-weight: 600; }
svg .changed { fill: var(--phase-strong); stroke: var(--gave-up); stroke-width: 1.5; }
svg .value { font-size: 11px; font-family: ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace; }
svg .changed-to { font-weight: 600; }
svg .unchanged { fill: var(--soft); }
";
