//! The type of an expression, and what is wrong in it.

use tree_sitter::Node;

use super::checker::Checker;
use super::finding::Rule;
use super::functions::{self, Function};
use super::source::{children, field};
use super::types::Type;

impl Checker<'_> {
    /// The type of an expression; what is wrong in it is noted.
    pub(super) fn infer(&mut self, node: Node<'_>) -> Type {
        match node.kind() {
            "string" => self.infer_text(node),
            "number" => match self.source.text_of(node).parse() {
                Ok(number) => Type::Number(number),
                Err(_) => Type::INT,
            },
            "boolean" => Type::Bool,
            "null" => Type::Null,
            "identifier" => self.infer_name(node),
            "parenthesized_expression" => self.infer_only(node),
            "object" => self.infer_object(node),
            "array" => {
                let items: Vec<Type> = children(node).map(|item| self.infer(item)).collect();
                Type::Array(Box::new(match items.is_empty() {
                    true => Type::Any,
                    false => Type::Union(items),
                }))
            }
            "for_statement" => {
                let item = self.in_loop(node, |checker, body| checker.infer(body));
                Type::Array(Box::new(item))
            }
            "if_statement" => {
                let parts: Vec<Node<'_>> = children(node).collect();
                self.value(parts[0], &Type::Bool, "the condition");
                self.infer(parts[1])
            }
            "ternary_expression" => {
                self.value(field(node, "condition"), &Type::Bool, "the condition");
                let first = self.infer(field(node, "consequence"));
                let second = self.infer(field(node, "alternative"));
                Type::Union(vec![first, second])
            }
            "binary_expression" => self.infer_binary(node),
            "unary_expression" => {
                let expected = match self.source.text_of(field(node, "operator")) {
                    "!" => Type::Bool,
                    _ => Type::INT,
                };
                self.value(field(node, "argument"), &expected, "the operand");
                expected
            }
            "call_expression" => self.infer_call(node),
            "member_expression" => self.infer_member(node),
            "subscript_expression" => self.infer_subscript(node),
            other => {
                self.find(node, Rule::Unsupported, format!("{other} is not read here"));
                Type::Any
            }
        }
    }

    fn infer_text(&mut self, node: Node<'_>) -> Type {
        if let Some(literal) = self.source.literal(node) {
            return Type::Literal(literal);
        }
        for part in children(node).filter(|part| part.kind() == "interpolation") {
            let kind = self.infer_only(part);
            if matches!(kind, Type::Array(_) | Type::Object(_)) {
                let message = format!("{} in a text", kind.name());
                self.find(part, Rule::Type, message);
            }
        }
        Type::TEXT
    }

    /// The type of a node's only part.
    fn infer_only(&mut self, node: Node<'_>) -> Type {
        children(node)
            .map(|part| self.infer(part))
            .last()
            .unwrap_or(Type::Any)
    }

    fn infer_name(&mut self, node: Node<'_>) -> Type {
        let name = self.source.text_of(node);
        let local = self.locals.iter().rev().find(|(local, _)| local == name);
        if let Some((_, kind)) = local {
            return kind.clone();
        }
        match self.symbol(name) {
            Some(symbol) => self.library.resolve(&symbol.kind),
            None => {
                self.find(
                    node,
                    Rule::UnknownSymbol,
                    format!("nothing is called {name}"),
                );
                Type::Any
            }
        }
    }

    fn infer_object(&mut self, node: Node<'_>) -> Type {
        let mut known = Vec::new();
        let mut open = false;
        for property in children(node) {
            let Some(value) = children(property).nth(1) else {
                continue;
            };
            let kind = self.infer(value);
            match self.source.key(property) {
                Some(key) if known.iter().any(|(other, _)| *other == key) => {
                    self.find(property, Rule::Duplicate, format!("{key} is set twice"));
                }
                Some(key) => known.push((key, kind)),
                None => {
                    self.infer(children(property).next().unwrap_or(property));
                    open = true;
                }
            }
        }
        match open {
            true => Type::any_object(),
            false => Type::object(known),
        }
    }

    /// Do something with the body of a loop while its names are known.
    pub(super) fn in_loop<R>(
        &mut self,
        node: Node<'_>,
        with_body: impl FnOnce(&mut Self, Node<'_>) -> R,
    ) -> R {
        let parts: Vec<Node<'_>> = children(node).collect();
        let body = field(node, "body");
        let over = parts[parts.len() - 2];
        let item = match self.infer(over) {
            Type::Array(item) => self.library.resolve(&item),
            Type::Any => Type::Any,
            other => {
                let message = format!("a loop over {}", other.name());
                self.find(over, Rule::Type, message);
                Type::Any
            }
        };
        let before = self.locals.len();
        let name = |checker: &Self, node| checker.source.text_of(node).to_owned();
        match parts[0].kind() {
            "for_loop_parameters" => {
                let names: Vec<Node<'_>> = children(parts[0]).collect();
                self.locals.push((name(self, names[0]), item));
                self.locals.push((name(self, names[1]), Type::INT));
            }
            _ => self.locals.push((name(self, parts[0]), item)),
        }
        let result = with_body(self, body);
        self.locals.truncate(before);
        result
    }

    fn infer_binary(&mut self, node: Node<'_>) -> Type {
        let (left, right) = (field(node, "left"), field(node, "right"));
        let operand = match self.source.text_of(field(node, "operator")) {
            "&&" | "||" => Type::Bool,
            "+" | "-" | "*" | "/" | "%" => Type::INT,
            "<" | "<=" | ">" | ">=" => {
                self.value(left, &Type::INT, "the operand");
                self.value(right, &Type::INT, "the operand");
                return Type::Bool;
            }
            "??" => {
                return Type::Union(vec![self.infer(left), self.infer(right)]);
            }
            _ => {
                self.infer(left);
                self.infer(right);
                return Type::Bool;
            }
        };
        self.value(left, &operand, "the operand");
        self.value(right, &operand, "the operand");
        operand
    }

    fn infer_call(&mut self, node: Node<'_>) -> Type {
        let name = field(node, "function");
        let arguments: Vec<Node<'_>> = children(field(node, "arguments")).collect();
        let text = self.source.text_of(name);
        match functions::find(text) {
            Some(function) => self.arguments(node, function, &arguments),
            None => {
                self.find(
                    name,
                    Rule::UnknownFunction,
                    format!("there is no function {text}"),
                );
                Type::Any
            }
        }
    }

    /// Check what a function is given; the type of what it gives back.
    pub(super) fn arguments(
        &mut self,
        node: Node<'_>,
        function: &Function,
        arguments: &[Node<'_>],
    ) -> Type {
        let expected = match function.parameters(arguments.len()) {
            Ok(expected) => expected,
            Err(how_many) => {
                let message = format!("{} {how_many}, not {}", function.name, arguments.len());
                self.find(node, Rule::Arguments, message);
                return function.result(&[]);
            }
        };
        let mut given = Vec::new();
        for (argument, expected) in arguments.iter().zip(expected) {
            let kind = self.infer(*argument);
            if let Err((_, why)) = expected.accepts(&kind, self.library) {
                let message = format!("{}: {why}", function.name);
                self.find(*argument, Rule::Arguments, message);
            }
            given.push(self.library.resolve(&kind));
        }
        function.result(&given)
    }

    fn infer_member(&mut self, node: Node<'_>) -> Type {
        let object = self.infer(field(node, "object"));
        let property = field(node, "property");
        let name = self.source.text_of(property);
        self.member(property, &object, name)
    }

    /// The property of that name of a value of that type.
    fn member(&mut self, node: Node<'_>, object: &Type, name: &str) -> Type {
        match self.library.resolve(object) {
            Type::Any => Type::Any,
            Type::Object(shape) => {
                if let Some(property) = shape.properties.get(name) {
                    if property.write_only {
                        self.find(node, Rule::WriteOnly, format!("{name} cannot be read"));
                    }
                    return self.library.resolve(&property.kind);
                }
                match &shape.rest {
                    Some(rest) => self.library.resolve(rest),
                    None => {
                        let known = shape.properties.keys().map(String::as_str);
                        let message = format!("there is no {name}{}", nearest(name, known));
                        self.find(node, Rule::UnknownProperty, message);
                        Type::Any
                    }
                }
            }
            Type::Union(choices) => {
                let kinds = choices.iter().map(|choice| self.member(node, choice, name));
                Type::Union(kinds.collect())
            }
            Type::Discriminated { .. } => Type::Any,
            other => {
                let message = format!("{} has no {name}", other.name());
                self.find(node, Rule::Type, message);
                Type::Any
            }
        }
    }

    fn infer_subscript(&mut self, node: Node<'_>) -> Type {
        let object = self.infer(field(node, "object"));
        let index = field(node, "index");
        match (self.library.resolve(&object), self.source.literal(index)) {
            (Type::Array(item), _) => {
                self.value(index, &Type::INT, "the index");
                self.library.resolve(&item)
            }
            (Type::Object(shape), Some(name)) => self.member(index, &Type::Object(shape), &name),
            (Type::Object(_) | Type::Any, _) => {
                self.value(
                    index,
                    &Type::Union(vec![Type::TEXT, Type::INT]),
                    "the index",
                );
                Type::Any
            }
            (other, _) => {
                let message = format!("{} has no parts", other.name());
                self.find(node, Rule::Type, message);
                Type::Any
            }
        }
    }
}

/// "; is X meant?", where a known name is like this one.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    known
        .map(|other| (distance(&name.to_lowercase(), &other.to_lowercase()), other))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, other)| format!("; is {other} meant?"))
        .unwrap_or_default()
}

/// How many letters have to be put in, taken out or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
