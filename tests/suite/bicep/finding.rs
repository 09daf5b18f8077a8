//! What a check has to say.

use std::fmt;

/// The rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// The text is no Bicep.
    Syntax,
    /// A line break, or the lack of one, that Bicep does not allow.
    Layout,
    /// Something is declared or set twice.
    Duplicate,
    /// A name that nothing has.
    UnknownSymbol,
    /// A parameter or variable that nothing uses.
    Unused,
    /// A function that Bicep does not have.
    UnknownFunction,
    /// Too many or too few arguments, or of the wrong type.
    Arguments,
    /// A decorator that does not exist or does not belong there.
    Decorator,
    /// A resource type that does not exist.
    ResourceType,
    /// A resource type that exists, in a version that does not.
    ApiVersion,
    /// A property that the type does not have.
    UnknownProperty,
    /// A property that only Azure sets.
    ReadOnly,
    /// A property that can be set and not read.
    WriteOnly,
    /// A property or parameter that is missing.
    Required,
    /// A value of another type.
    Type,
    /// A value of the right type that is none of those that are allowed, or out of range.
    Value,
    /// A child resource whose parent is missing or wrong.
    Parent,
    /// A module that is not there.
    Module,
    /// A secret where it can be read.
    Secret,
    /// Bicep that this checker does not read.
    Unsupported,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    pub(super) rule: Rule,
    pub(super) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {:?}: {}",
            self.file, self.line, self.rule, self.message
        )
    }
}
