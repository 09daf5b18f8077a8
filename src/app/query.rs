//! Parameters of a query, each with a bound.

use std::ops::RangeInclusive;

use axum::body::Body;
use axum::extract::Query as AxumQuery;
use http::{Response, StatusCode, Uri};
use serde_json::json;

use super::reply;

/// The decoded parameters of one request, in their order.
#[derive(Debug, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

/// A parameter's value that is not accepted.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{parameter}={value} is not accepted: {parameter} must be {bound}")]
pub(super) struct BadParameter {
    parameter: &'static str,
    value: String,
    bound: String,
}

impl BadParameter {
    /// 400, naming the parameter, its value and its bound.
    pub(super) fn reply(&self) -> Response<Body> {
        let body = json!({
            "error": self.to_string(),
            "parameter": self.parameter,
            "value": self.value,
            "bound": self.bound,
        });
        reply::json_with_status(StatusCode::BAD_REQUEST, &body)
    }
}

impl Query {
    /// The query of `uri`; one that cannot be decoded is empty, as in Flask.
    pub(super) fn of(uri: &Uri) -> Self {
        if uri.query().is_none_or(str::is_empty) {
            return Self::default();
        }
        let pairs = AxumQuery::try_from_uri(uri).map_or_else(|_| Vec::new(), |query| query.0);
        Self { pairs }
    }

    /// The first value of `parameter`, as `request.args.get` gives it.
    fn first(&self, parameter: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(name, _)| name == parameter)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number within `bounds`.
    pub(super) fn whole(
        &self,
        parameter: &'static str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<u64>, BadParameter> {
        let Some(value) = self.first(parameter) else {
            return Ok(None);
        };
        match value.parse::<u64>() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => Err(BadParameter {
                parameter,
                value: value.to_owned(),
                bound: format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            }),
        }
    }

    /// Seconds, with a fraction or without, from 0 to `most`.
    pub(super) fn seconds(
        &self,
        parameter: &'static str,
        most: f64,
    ) -> Result<Option<f64>, BadParameter> {
        let Some(value) = self.first(parameter) else {
            return Ok(None);
        };
        match value.parse::<f64>() {
            Ok(number) if (0.0..=most).contains(&number) => Ok(Some(number.abs())),
            _ => Err(BadParameter {
                parameter,
                value: value.to_owned(),
                bound: format!("a number of seconds from 0 to {most}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/path?{text}").parse().unwrap())
    }

    #[test]
    fn an_absent_parameter_is_none_and_others_are_ignored() {
        assert_eq!(query("x=1&y=2").whole("blocks", 1..=5), Ok(None));
        assert_eq!(
            Query::of(&"/path".parse().unwrap()).seconds("seconds", 1.0),
            Ok(None)
        );
    }

    #[test]
    fn the_first_of_several_values_counts() {
        assert_eq!(
            query("blocks=2&blocks=9").whole("blocks", 1..=5),
            Ok(Some(2))
        );
    }

    #[test]
    fn both_ends_of_a_bound_belong_to_it() {
        assert_eq!(query("blocks=1").whole("blocks", 1..=5), Ok(Some(1)));
        assert_eq!(query("blocks=5").whole("blocks", 1..=5), Ok(Some(5)));
        assert_eq!(query("seconds=0").seconds("seconds", 2.5), Ok(Some(0.0)));
        assert_eq!(query("seconds=2.5").seconds("seconds", 2.5), Ok(Some(2.5)));
    }

    #[test]
    fn what_is_outside_or_no_number_is_refused_by_name_value_and_bound() {
        for bad in [
            "0",
            "6",
            "-1",
            "1.5",
            "",
            "many",
            "99999999999999999999999",
            "%31%20",
        ] {
            let error = query(&format!("blocks={bad}"))
                .whole("blocks", 1..=5)
                .unwrap_err();
            assert_eq!(error.bound, "a whole number from 1 to 5", "{bad}");
        }
        for bad in ["-0.1", "2.6", "NaN", "inf", "-inf", "", "soon"] {
            let error = query(&format!("seconds={bad}"))
                .seconds("seconds", 2.5)
                .unwrap_err();
            assert_eq!((error.parameter, error.value.as_str()), ("seconds", bad));
        }
    }
}
