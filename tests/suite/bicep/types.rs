//! The types of values, and whether a value of one may stand where another is expected.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::finding::Rule;
use super::library::Library;

/// A type.
#[derive(Debug, Clone)]
pub(super) enum Type {
    /// Nothing is known.
    Any,
    Null,
    Bool,
    Int {
        least: Option<i64>,
        most: Option<i64>,
    },
    Text {
        least: Option<usize>,
        most: Option<usize>,
    },
    /// One text.
    Literal(String),
    /// One number.
    Number(i64),
    Array(Box<Type>),
    Object(Rc<Shape>),
    /// An object whose other properties depend on the value of one.
    Discriminated {
        key: String,
        choices: BTreeMap<String, Type>,
        base: Rc<Shape>,
    },
    /// One of several.
    Union(Vec<Type>),
    /// A type of the library, not looked up yet: they refer to one another in circles.
    Link {
        file: usize,
        index: usize,
    },
}

/// What an object holds.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) properties: BTreeMap<String, Property>,
    /// The type of properties beyond those; without it there are none.
    pub(super) rest: Option<Type>,
}

/// One property.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) kind: Type,
    pub(super) required: bool,
    pub(super) read_only: bool,
    pub(super) write_only: bool,
}

impl Property {
    /// A property that may be read and left out.
    pub(super) fn of(kind: Type) -> Self {
        Self {
            kind,
            required: false,
            read_only: false,
            write_only: false,
        }
    }
}

impl Type {
    pub(super) const TEXT: Self = Self::Text {
        least: None,
        most: None,
    };
    pub(super) const INT: Self = Self::Int {
        least: None,
        most: None,
    };

    /// An object with these properties and no others.
    pub(super) fn object(properties: impl IntoIterator<Item = (String, Self)>) -> Self {
        let properties = properties
            .into_iter()
            .map(|(name, kind)| (name, Property::of(kind)))
            .collect();
        Self::Object(Rc::new(Shape {
            properties,
            rest: None,
        }))
    }

    /// An object of which nothing is known.
    pub(super) fn any_object() -> Self {
        Self::Object(Rc::new(Shape {
            properties: BTreeMap::new(),
            rest: Some(Self::Any),
        }))
    }

    /// What it is called in a message.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Any | Self::Link { .. } => "any".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int { .. } => "int".to_owned(),
            Self::Text { .. } => "string".to_owned(),
            Self::Literal(text) => format!("'{text}'"),
            Self::Number(number) => number.to_string(),
            Self::Array(_) => "array".to_owned(),
            Self::Object(_) | Self::Discriminated { .. } => "object".to_owned(),
            Self::Union(choices) => {
                let names: Vec<String> = choices.iter().map(Self::name).collect();
                names.join(" | ")
            }
        }
    }

    /// Whether `value` may stand where this type is expected; else which rule it breaks, and how.
    pub(super) fn accepts(&self, value: &Self, library: &Library) -> Result<(), (Rule, String)> {
        let expected = library.resolve(self);
        let value = library.resolve(value);
        let fits = match (&expected, &value) {
            (_, Self::Union(choices)) => {
                return choices
                    .iter()
                    .try_for_each(|choice| expected.accepts(choice, library));
            }
            (Self::Any, _) | (_, Self::Any | Self::Null) | (Self::Bool, Self::Bool) => true,
            (Self::Union(choices), _) => return accepts_one(choices, &value, library),
            (Self::Int { least, most }, Self::Number(number)) => {
                if least.is_some_and(|least| *number < least)
                    || most.is_some_and(|most| *number > most)
                {
                    return Err((Rule::Value, format!("{number} is out of range")));
                }
                true
            }
            (Self::Int { .. }, Self::Int { .. }) => true,
            (Self::Text { least, most }, Self::Literal(text)) => {
                let length = text.chars().count();
                if least.is_some_and(|least| length < least)
                    || most.is_some_and(|most| length > most)
                {
                    return Err((Rule::Value, format!("'{text}' is too short or too long")));
                }
                true
            }
            // A text that is not known before the deployment may turn out to be the right one.
            (Self::Text { .. } | Self::Literal(_), Self::Text { .. }) => true,
            (Self::Literal(wanted), Self::Literal(text)) => {
                if wanted != text {
                    return Err((Rule::Value, format!("'{text}' is not '{wanted}'")));
                }
                true
            }
            (Self::Number(wanted), Self::Number(number)) => wanted == number,
            (Self::Array(wanted), Self::Array(item)) => return wanted.accepts(item, library),
            (Self::Object(_) | Self::Discriminated { .. }, Self::Object(_)) => true,
            (Self::Object(_), Self::Discriminated { .. }) => true,
            _ => false,
        };
        match fits {
            true => Ok(()),
            false => Err((
                Rule::Type,
                format!("{} where {} is expected", value.name(), expected.name()),
            )),
        }
    }
}

/// Whether one of these accepts `value`. Published lists of texts often end with "or any text",
/// because the service may learn new ones; a template that is written today has no use for that.
fn accepts_one(choices: &[Type], value: &Type, library: &Library) -> Result<(), (Rule, String)> {
    let choices: Vec<Type> = choices
        .iter()
        .map(|choice| library.resolve(choice))
        .collect();
    let texts: Vec<&str> = choices
        .iter()
        .filter_map(|choice| match choice {
            Type::Literal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if let Type::Literal(text) = value
        && !texts.is_empty()
    {
        return match texts.contains(&text.as_str()) {
            true => Ok(()),
            false => Err((
                Rule::Value,
                format!("'{text}' is none of {}", texts.join(", ")),
            )),
        };
    }
    let refusals: Vec<(Rule, String)> = choices
        .iter()
        .filter_map(|choice| choice.accepts(value, library).err())
        .collect();
    match refusals.len() < choices.len() {
        true => Ok(()),
        false => Err(refusals.into_iter().next().unwrap_or((
            Rule::Type,
            format!("{} where nothing is allowed", value.name()),
        ))),
    }
}
