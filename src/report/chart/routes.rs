//! Routes in a chart: told apart by colour and by the height of their bars, for who sees no colours.

use maud::{Markup, html};

use super::frame::{cut, px};

/// Routes that have a look of their own; all others share the last one.
const MOST: usize = 4;

/// Share of a bar's height by route.
const HEIGHTS: [f64; MOST] = [1.0, 0.66, 0.4, 0.2];

/// The routes of a chart, the one with the most requests first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routes {
    names: Vec<String>,
}

impl Routes {
    /// Of the routes of all requests.
    pub(super) fn of<'r>(requests: impl Iterator<Item = &'r str>) -> Self {
        let mut counted: Vec<(usize, String)> = Vec::new();
        for route in requests {
            match counted.iter_mut().find(|(_, name)| name == route) {
                Some((count, _)) => *count += 1,
                None => counted.push((1, route.to_owned())),
            }
        }
        counted.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        let more = counted.len() > MOST;
        let mut names: Vec<String> = counted.into_iter().map(|(_, name)| name).collect();
        if more {
            names.truncate(MOST - 1);
            names.push("other routes".to_owned());
        }
        Self { names }
    }

    /// Number of a route's look.
    pub(super) fn number(&self, route: &str) -> usize {
        let own = self.names.iter().position(|name| name == route);
        own.unwrap_or(self.names.len().saturating_sub(1))
    }

    /// Their names.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// A bar of a request of this route.
    pub(super) fn bar(
        number: usize,
        (from, to): (f64, f64),
        (top, height): (f64, f64),
        name: &str,
    ) -> Markup {
        let own = height * HEIGHTS.get(number).copied().unwrap_or(0.2);
        html! {
            rect class={ "service route-" (number) } x=(px(from)) y=(px(top + (height - own) / 2.0)) width=(px((to - from).max(1.0))) height=(px(own)) {
                title { (name) }
            }
        }
    }

    /// What each look means, from `x` on and not beyond `right`; and where the next word may begin.
    pub(super) fn legend(&self, mut x: f64, right: f64, y: f64) -> (Markup, f64) {
        const BESIDE: f64 = 26.0;
        const SIGN: f64 = 11.0;
        let room = (right - x) / self.names.len().max(1) as f64;
        let signs = (((room - BESIDE) / SIGN) as usize).saturating_sub(1);
        let mut places = Vec::new();
        for (number, name) in self.names.iter().enumerate() {
            let name = cut(name, signs);
            let width = BESIDE + name.chars().count() as f64 * SIGN;
            places.push((number, x, name));
            x += width;
        }
        let markup = html! {
            @for (number, x, name) in places {
                (Self::bar(number, (x, x + 14.0), (y - 10.0, 12.0), &name))
                text class="legend" x=(px(x + 18.0)) y=(px(y)) { (name) }
            }
        };
        (markup, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_routes_have_looks_of_their_own_and_the_rest_share_one() {
        let requests = ["/a", "/b", "/b", "/c", "/d", "/e", "/c", "/b"];
        let routes = Routes::of(requests.into_iter());
        assert_eq!(routes.names(), ["/b", "/c", "/a", "other routes"]);
        assert_eq!(routes.number("/b"), 0);
        assert_eq!(routes.number("/e"), 3);
        let few = Routes::of(["/x", "/y"].into_iter());
        assert_eq!(few.names(), ["/x", "/y"]);
    }
}
