//! The functions of Bicep: how many arguments of which type, and what comes out.

use super::types::Type;

/// One function.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// A letter for each argument: s string, i int, b bool, a array, o object, l lambda, * any. What
    /// follows `?` may be left out; `+` at the end repeats the last.
    pub(super) arguments: &'static str,
    /// In the same letters.
    returns: char,
}

const fn function(name: &'static str, arguments: &'static str, returns: char) -> Function {
    Function {
        name,
        arguments,
        returns,
    }
}

/// What the templates may use: the functions of a resource group's deployment that do not read
/// files of the machine on which it is started.
const FUNCTIONS: &[Function] = &[
    function("any", "*", '*'),
    function("array", "*", 'a'),
    function("base64", "s", 's'),
    function("base64ToString", "s", 's'),
    function("bool", "*", 'b'),
    function("concat", "*+", '*'),
    function("contains", "**", 'b'),
    function("coalesce", "*+", '*'),
    function("dateTimeAdd", "ss?s", 's'),
    function("deployment", "", 'o'),
    function("empty", "*", 'b'),
    function("endsWith", "ss", 'b'),
    function("environment", "", 'o'),
    function("extensionResourceId", "sss+", 's'),
    function("filter", "al", 'a'),
    function("first", "*", '*'),
    function("flatten", "a", 'a'),
    function("format", "s?*+", 's'),
    function("guid", "s+", 's'),
    function("indexOf", "**", 'i'),
    function("int", "*", 'i'),
    function("intersection", "*+", '*'),
    function("items", "o", 'I'),
    function("join", "as", 's'),
    function("json", "s", '*'),
    function("last", "*", '*'),
    function("lastIndexOf", "**", 'i'),
    function("length", "*", 'i'),
    function("map", "al", 'a'),
    function("max", "*+", 'i'),
    function("min", "*+", 'i'),
    function("newGuid", "", 's'),
    function("objectKeys", "o", 'a'),
    function("padLeft", "*i?s", 's'),
    function("range", "ii", 'a'),
    function("reduce", "a*l", '*'),
    function("reference", "s?ss", '*'),
    function("replace", "sss", 's'),
    function("resourceGroup", "?s", 'G'),
    function("resourceId", "s+", 's'),
    function("skip", "*i", '*'),
    function("sort", "al", 'a'),
    function("split", "s*", 'a'),
    function("startsWith", "ss", 'b'),
    function("string", "*", 's'),
    function("subscription", "", 'S'),
    function("subscriptionResourceId", "ss+", 's'),
    function("substring", "si?i", 's'),
    function("take", "*i", '*'),
    function("tenant", "", 'o'),
    function("tenantResourceId", "ss+", 's'),
    function("toLower", "s", 's'),
    function("toObject", "al?l", 'o'),
    function("toUpper", "s", 's'),
    function("trim", "s", 's'),
    function("union", "**+", 'U'),
    function("uniqueString", "s+", 's'),
    function("uri", "ss", 's'),
    function("uriComponent", "s", 's'),
    function("utcNow", "?s", 's'),
];

/// Decorators of a parameter, with their arguments.
const DECORATORS: &[Function] = &[
    function("allowed", "a", '*'),
    function("description", "s", '*'),
    function("maxLength", "i", '*'),
    function("maxValue", "i", '*'),
    function("metadata", "o", '*'),
    function("minLength", "i", '*'),
    function("minValue", "i", '*'),
    function("secure", "", '*'),
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The decorator of that name.
pub(super) fn decorator(name: &str) -> Option<&'static Function> {
    DECORATORS.iter().find(|function| function.name == name)
}

/// The type that a letter stands for.
fn of_letter(letter: char) -> Type {
    match letter {
        's' => Type::TEXT,
        'i' => Type::INT,
        'b' => Type::Bool,
        'a' => Type::Array(Box::new(Type::Any)),
        'o' => Type::any_object(),
        'I' => Type::Array(Box::new(Type::object([
            ("key".to_owned(), Type::TEXT),
            ("value".to_owned(), Type::Any),
        ]))),
        'G' => texts(
            &["id", "name", "location", "type", "managedBy"],
            &["tags", "properties"],
        ),
        'S' => texts(&["id", "subscriptionId", "tenantId", "displayName"], &[]),
        _ => Type::Any,
    }
}

fn texts(names: &[&str], others: &[&str]) -> Type {
    let texts = names.iter().map(|name| ((*name).to_owned(), Type::TEXT));
    let others = others.iter().map(|name| ((*name).to_owned(), Type::Any));
    Type::object(texts.chain(others))
}

impl Function {
    /// The types of `count` arguments, or how many there may be.
    pub(super) fn parameters(&self, count: usize) -> Result<Vec<Type>, String> {
        let repeats = self.arguments.ends_with('+');
        let letters: Vec<char> = self
            .arguments
            .chars()
            .filter(|letter| !matches!(letter, '?' | '+'))
            .collect();
        let least = self.arguments.find('?').unwrap_or(letters.len());
        let most = if repeats { usize::MAX } else { letters.len() };
        if !(least..=most).contains(&count) {
            return Err(match (least == most, repeats) {
                (true, _) => format!("takes {least}"),
                (false, true) => format!("takes {least} or more"),
                (false, false) => format!("takes {least} to {most}"),
            });
        }
        let letter = |at: usize| *letters.get(at).or(letters.last()).unwrap_or(&'*');
        Ok((0..count).map(|at| of_letter(letter(at))).collect())
    }

    /// The type of what comes out when these went in.
    pub(super) fn result(&self, arguments: &[Type]) -> Type {
        match self.returns {
            'U' => merged(arguments),
            letter => of_letter(letter),
        }
    }
}

/// Several objects in one, or nothing that is known.
fn merged(parts: &[Type]) -> Type {
    let mut properties = Vec::new();
    for part in parts {
        let Type::Object(shape) = part else {
            return Type::Any;
        };
        if shape.rest.is_some() {
            return Type::any_object();
        }
        let known = shape.properties.iter();
        properties.extend(known.map(|(name, property)| (name.clone(), property.kind.clone())));
    }
    Type::object(properties)
}
