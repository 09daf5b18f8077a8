//! The frame of a chart: its place on the canvas, axes, shaded phases, title and description.

use maud::{Markup, html};

use super::scale::{Scale, duration};
use super::style::{ALONE, LIGHT, RULES};
use crate::evidence::Bundle;
use crate::evidence::manifest::PhaseKind;
use crate::tables::LogTime;

/// Width of every chart in its own units.
pub(super) const WIDTH: f64 = 640.0;

/// The plotting area.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    pub(super) fn new(left: f64, top: f64, bottom: f64) -> Frame {
        Frame {
            left,
            right: WIDTH - 12.0,
            top,
            bottom,
        }
    }

    pub(super) fn x(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    pub(super) fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }

    /// Lines and numbers of the vertical axis.
    pub(super) fn y_axis(&self, scale: Scale, label: impl Fn(f64) -> String) -> Markup {
        html! {
            @for tick in scale.ticks() {
                @let y = self.y(scale.place(tick));
                line class="grid" x1=(px(self.left)) x2=(px(self.right)) y1=(px(y)) y2=(px(y)) {}
                text class="tick" x=(px(self.left - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (label(tick)) }
            }
        }
    }

    /// Numbers of the horizontal axis, with what they count.
    pub(super) fn x_axis(
        &self,
        scale: Scale,
        caption: &str,
        label: impl Fn(f64) -> String,
    ) -> Markup {
        html! {
            line class="axis" x1=(px(self.left)) x2=(px(self.right)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
            @for tick in scale.ticks() {
                @let x = self.x(scale.place(tick));
                line class="axis" x1=(px(x)) x2=(px(x)) y1=(px(self.bottom)) y2=(px(self.bottom + 4.0)) {}
                text class="tick" x=(px(x)) y=(px(self.bottom + 17.0)) text-anchor="middle" { (label(tick)) }
            }
            text class="caption" x=(px(self.right)) y=(px(self.bottom + 34.0)) text-anchor="end" { (caption) }
        }
    }

    /// Phases of the manifest behind the plot, each with its name where `named`.
    pub(super) fn phases(
        &self,
        bundle: &Bundle,
        origin: LogTime,
        scale: Scale,
        named: bool,
    ) -> Markup {
        let phases = bundle.manifest.iter().flat_map(|manifest| &manifest.phases);
        let spans: Vec<(f64, f64, &str, PhaseKind)> = phases
            .filter_map(|phase| {
                let start = LogTime::from(phase.started?).seconds_since(origin);
                let end = LogTime::from(phase.ended?).seconds_since(origin);
                let (from, to) = (self.x(scale.place(start)), self.x(scale.place(end)));
                (to - from > 1.0).then_some((from, to, phase.name.as_str(), phase.kind))
            })
            .collect();
        html! {
            @for (at, (from, to, name, kind)) in spans.iter().enumerate() {
                rect class={ "phase " (kind.word()) } x=(px(*from)) y=(px(self.top)) width=(px(to - from)) height=(px(self.bottom - self.top)) {
                    title { (name) }
                }
                @if named && to - from > name.len() as f64 * 7.0 {
                    text class="phase-name" x=(px(from + 4.0)) y=(px(self.top + 12.0 + (at % 2) as f64 * 13.0)) { (name) }
                }
            }
        }
    }
}

/// A coordinate with one digit.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Seconds since the load began, for an axis.
pub(super) fn elapsed(seconds: f64) -> String {
    if seconds < 0.0 {
        format!("-{}", duration(-seconds))
    } else {
        duration(seconds)
    }
}

/// A whole chart with its words.
#[derive(Debug)]
pub(in crate::report) struct Chart {
    name: &'static str,
    title: &'static str,
    description: String,
    height: f64,
    plot: Markup,
}

/// Put a chart together.
pub(super) fn chart(
    name: &'static str,
    title: &'static str,
    description: &str,
    height: f64,
    plot: Markup,
) -> Chart {
    Chart {
        name,
        title,
        description: description.to_owned(),
        height,
        plot,
    }
}

/// Room for the title of a chart that stands alone.
const HEADING: f64 = 32.0;

impl Chart {
    /// What it shows, in words.
    pub(in crate::report) fn words(&self) -> &str {
        &self.description
    }

    /// In a page.
    pub(in crate::report) fn figure(&self) -> Markup {
        let (name, title) = (self.name, self.title);
        html! {
            figure class={ "chart " (name) } {
                figcaption { (title) }
                div class="canvas" tabindex="0" role="group" aria-label=(title) {
                    svg viewBox={ "0 0 " (px(WIDTH)) " " (px(self.height)) } role="img" aria-labelledby={ (name) "-title " (name) "-desc" } {
                        title id={ (name) "-title" } { (title) }
                        desc id={ (name) "-desc" } { (self.description) }
                        (self.plot)
                    }
                }
                p class="reading" { (self.description) }
            }
        }
    }

    /// As a file of its own, for a slide: twice as large, on a light ground, with its style in it.
    pub(in crate::report) fn file(&self) -> Markup {
        let height = self.height + HEADING;
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (px(WIDTH)) " " (px(height)) } width=(px(WIDTH * 2.0)) height=(px(height * 2.0)) role="img" {
                title { (self.title) }
                desc { (self.description) }
                // Nothing in it would have to be escaped.
                style { ":root {" (ALONE) (LIGHT) "}" (RULES) }
                rect class="ground" x="0" y="0" width=(px(WIDTH)) height=(px(height)) {}
                text class="heading" x="12" y="22" { (self.title) }
                g transform={ "translate(0 " (px(HEADING)) ")" } { (self.plot) }
            }
            "\n"
        }
    }
}
