//! Routes as labels of metrics: one of the table's, or none. Clients choose paths, and so paths are
//! no labels: each would be a series for ever.

use super::paths::{self, Seen};
use super::routes::{self, ROUTES};

/// A route of the application, or [`RouteLabel::OTHER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteLabel(u8);

impl RouteLabel {
    /// No route.
    pub const OTHER: Self = Self(u8::MAX);

    /// The route that the application chooses for this path, which may have a query behind it.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match paths::see(path) {
            Seen::AsWritten => Self::at(path),
            Seen::Same(path) => Self::at(&path),
            Seen::SlashesRepeated(_) => Self::OTHER,
        }
    }

    fn at(path: &str) -> Self {
        let slashless = || {
            let route = routes::at(path.strip_suffix('/')?)?;
            route.is_probe.then_some(route)
        };
        let found = routes::at(path).or_else(slashless);
        let position = found.and_then(|found| {
            let mut routes = ROUTES.iter();
            routes.position(|route| route.path == found.path)
        });
        position
            .and_then(|position| u8::try_from(position).ok())
            .map_or(Self::OTHER, Self)
    }

    /// Its number, for a table in shared memory.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The route with this number.
    #[must_use]
    pub fn numbered(number: u8) -> Self {
        match ROUTES.get(usize::from(number)) {
            Some(_) => Self(number),
            None => Self::OTHER,
        }
    }

    /// Its path, or `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ROUTES
            .get(usize::from(self.0))
            .map_or("other", |route| route.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_label_of_its_route_however_it_is_spelt_and_no_other_is_a_label() {
        for (target, name) in [
            ("/slow?seconds=3", "/slow"),
            ("/", "/"),
            ("/health/", "/health"),
            ("//%68ealth", "/health"),
            ("/slow/", "other"),
            ("/diag//stats", "other"),
            ("/.env", "other"),
            ("", "other"),
            ("*", "other"),
        ] {
            let label = RouteLabel::of(target);
            assert_eq!(label.name(), name, "{target}");
            assert_eq!(RouteLabel::numbered(label.number()), label);
        }
    }
}
