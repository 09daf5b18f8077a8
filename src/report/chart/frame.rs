//! The frame of a chart: its place on the canvas, axes, shaded phases, title and description.

use maud::{Markup, html};

use super::scale::{Scale, duration};
use super::style::{ALONE, LIGHT, RULES};
use crate::evidence::Bundle;
use crate::evidence::manifest::PhaseKind;
use crate::tables::LogTime;

/// Width of every chart in its own units.
pub(super) const WIDTH: f64 = 640.0;

/// Width of a chart that a telephone shows without scrolling: a unit is about a pixel there.
pub(super) const NARROW: f64 = 350.0;

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
        Frame::across(WIDTH, left, top, bottom)
    }

    /// In a chart of another width.
    pub(super) fn across(width: f64, left: f64, top: f64, bottom: f64) -> Frame {
        Frame {
            left,
            right: width - 12.0,
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
                // The last one does not reach beyond the canvas.
                @let (x, anchor) = if x > self.right - 16.0 { (self.right + 11.0, "end") } else { (x, "middle") };
                text class="tick" x=(px(x)) y=(px(self.bottom + 17.0)) text-anchor=(anchor) { (label(tick)) }
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
                @if named && to - from > name.len() as f64 * 10.0 {
                    text class="phase-name" x=(px(from + 4.0)) y=(px(self.top + 12.0 + (at % 2) as f64 * 17.0)) { (name) }
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
    /// The same for a narrow screen, with its height, where the wide one would only shrink.
    narrow: Option<(f64, Markup)>,
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
        narrow: None,
    }
}

/// Room for the title of a chart that stands alone.
const HEADING: f64 = 32.0;

impl Chart {
    /// Show this instead on a narrow screen: a plot that is [`NARROW`] wide.
    pub(super) fn or_narrow(self, height: f64, plot: Markup) -> Chart {
        Chart {
            narrow: Some((height, plot)),
            ..self
        }
    }

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
                    (self.drawing(if self.narrow.is_some() { "wide" } else { "any" }, WIDTH, self.height, &self.plot))
                    @if let Some((height, plot)) = &self.narrow {
                        (self.drawing("narrow", NARROW, *height, plot))
                    }
                }
                p class="reading" { (self.description) }
            }
        }
    }

    /// The plot for screens of a kind: `any`, `wide` or `narrow`.
    fn drawing(&self, screen: &str, width: f64, height: f64, plot: &Markup) -> Markup {
        let name = match screen {
            "narrow" => format!("{}-narrow", self.name),
            _ => self.name.to_owned(),
        };
        html! {
            svg class=[(screen != "any").then_some(screen)] viewBox={ "0 0 " (px(width)) " " (px(height)) } role="img" aria-labelledby={ (name) "-title " (name) "-desc" } {
                title id={ (name) "-title" } { (self.title) }
                desc id={ (name) "-desc" } { (self.description) }
                (plot)
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

/// A text of so many signs at most; a longer one says that it goes on.
pub(super) fn cut(text: &str, signs: usize) -> String {
    match text.char_indices().nth(signs) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// The path through these places.
pub(super) fn polyline(places: impl Iterator<Item = (f64, f64)>) -> String {
    places
        .enumerate()
        .map(|(number, (x, y))| {
            format!("{}{} {}", if number == 0 { 'M' } else { 'L' }, px(x), px(y))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_for_narrow_screens_is_another_drawing_with_names_of_its_own() {
        let plot = || html! { text { "x" } };
        let one = chart("starts", "Starts", "Words.", 100.0, plot());
        assert_eq!(one.figure().into_string().matches("<svg").count(), 1);
        let two = one.or_narrow(300.0, plot()).figure().into_string();
        assert!(
            two.contains(r#"<svg class="wide" viewBox="0 0 640 100""#),
            "{two}"
        );
        assert!(
            two.contains(r#"<svg class="narrow" viewBox="0 0 350 300""#),
            "{two}"
        );
        for id in ["starts-title", "starts-narrow-title"] {
            assert_eq!(two.matches(&format!("id=\"{id}\"")).count(), 1, "{two}");
        }
    }
}
