//! Resources and modules: what is written against what is expected.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::checker::{Checker, Role};
use super::expressions::nearest;
use super::finding::Rule;
use super::source::children;
use super::types::{Shape, Type};

/// Properties of a resource that are Bicep's own.
const OF_BICEP: [&str; 3] = ["dependsOn", "parent", "scope"];

impl<'a> Checker<'a> {
    /// Check a resource's declaration.
    pub(super) fn resource(&mut self, statement: Node<'_>) {
        let parts: Vec<Node<'_>> = children(statement).collect();
        let [name, title, body] = parts[..] else {
            return;
        };
        let existing = self.source.text_of(statement).contains(" existing = ");
        let kind = self.source.literal(title).unwrap_or_default();
        let expected = self.library.resource(&kind).unwrap_or(Type::Any);
        let kind = kind.split('@').next().unwrap_or_default().to_lowercase();
        self.each_body(body, &mut |checker, object| {
            checker.parent(object, &kind);
            checker.bicep_properties(object);
            match existing {
                true => checker.existing(object),
                false => checker.resource_body(object, &expected),
            }
        });
        let _ = name;
    }

    /// The object of a declaration, whatever condition or loop is around it.
    fn each_body(&mut self, body: Node<'_>, check: &mut dyn FnMut(&mut Self, Node<'_>)) {
        match body.kind() {
            "if_statement" => {
                let parts: Vec<Node<'_>> = children(body).collect();
                self.value(parts[0], &Type::Bool, "the condition");
                check(self, parts[1]);
            }
            "for_statement" => self.in_loop(body, |checker, body| checker.each_body(body, check)),
            _ => check(self, body),
        }
    }

    /// Of a resource that is there already only its name is told.
    fn existing(&mut self, object: Node<'_>) {
        match self.source.property(object, "name") {
            Some(name) => self.value(name, &Type::TEXT, "name"),
            None => self.find(object, Rule::Required, "name is missing"),
        }
        for property in children(object) {
            let key = self.source.key(property).unwrap_or_default();
            if key != "name" && !OF_BICEP.contains(&key.as_str()) {
                self.find(
                    property,
                    Rule::ReadOnly,
                    format!("{key} of an existing resource"),
                );
            }
        }
    }

    fn bicep_properties(&mut self, object: Node<'_>) {
        for name in OF_BICEP {
            if let Some(value) = self.source.property(object, name) {
                let values = match value.kind() {
                    "array" => children(value).collect(),
                    _ => vec![value],
                };
                for value in values {
                    self.infer(value);
                }
            }
        }
    }

    /// A child names its parent, or is named after it.
    fn parent(&mut self, object: Node<'_>, kind: &str) {
        let depth = kind.matches('/').count();
        let parent = self.source.property(object, "parent");
        if depth < 2 {
            if let Some(parent) = parent {
                self.find(parent, Rule::Parent, format!("{kind} has no parent"));
            }
            return;
        }
        let wanted = kind.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(parent) = parent else {
            let name = self.source.property(object, "name");
            let text = name
                .map(|name| self.source.text_of(name))
                .unwrap_or_default();
            if text.matches('/').count() != depth - 1 {
                self.find(
                    object,
                    Rule::Parent,
                    format!("the parent, {wanted}, is missing"),
                );
            }
            return;
        };
        let symbol = self.symbols.get(self.source.text_of(parent));
        let found = symbol.map(|symbol| symbol.role.clone());
        if found
            != Some(Role::Resource {
                kind: wanted.to_owned(),
            })
        {
            self.find(
                parent,
                Rule::Parent,
                format!("the parent has to be a {wanted}"),
            );
        }
    }

    fn resource_body(&mut self, object: Node<'_>, expected: &Type) {
        match self.library.resolve(expected) {
            Type::Object(shape) => self.object(object, &shape, "", &OF_BICEP),
            Type::Discriminated { .. } => self.value(object, expected, ""),
            _ => {
                self.infer(object);
            }
        }
    }

    /// Check a value against the type that is expected in its place.
    pub(super) fn value(&mut self, node: Node<'_>, expected: &Type, path: &str) {
        let expected = self.library.resolve(expected);
        match (node.kind(), &expected) {
            ("object", Type::Object(shape)) => self.object(node, shape, path, &[]),
            ("object", Type::Discriminated { key, choices, base }) => {
                let value = self.source.property(node, key);
                let literal = value.and_then(|value| self.source.literal(value));
                let choice = literal.as_ref().and_then(|literal| choices.get(literal));
                match (choice.map(|choice| self.library.resolve(choice)), value) {
                    (Some(Type::Object(shape)), _) => {
                        let mut properties = base.properties.clone();
                        properties.extend(shape.properties.clone());
                        let rest = shape.rest.clone();
                        let own = if path.is_empty() { &OF_BICEP[..] } else { &[] };
                        self.object(node, &Shape { properties, rest }, path, own);
                    }
                    // A name that is put together from others leaves the choice open.
                    (_, Some(_)) if literal.is_none() => {
                        self.infer(node);
                    }
                    (_, Some(value)) => {
                        let known: Vec<&str> = choices.keys().map(String::as_str).collect();
                        let message = format!("{path}{key} is none of {}", known.join(", "));
                        self.find(value, Rule::Value, message);
                    }
                    _ => self.find(node, Rule::Required, format!("{path}{key} is missing")),
                }
            }
            ("array", Type::Array(item)) => {
                for part in children(node) {
                    self.value(part, item, &format!("{path}[]"));
                }
            }
            ("for_statement", Type::Array(item)) => {
                self.in_loop(node, |checker, body| checker.value(body, item, path));
            }
            ("ternary_expression", _) => {
                let parts: Vec<Node<'_>> = children(node).collect();
                self.value(parts[0], &Type::Bool, "the condition");
                self.value(parts[1], &expected, path);
                self.value(parts[2], &expected, path);
            }
            ("parenthesized_expression", _) => {
                for part in children(node) {
                    self.value(part, &expected, path);
                }
            }
            _ => {
                let found = self.infer(node);
                if let Err((rule, why)) = expected.accepts(&found, self.library) {
                    self.find(node, rule, format!("{path}: {why}"));
                }
            }
        }
    }

    fn object(&mut self, node: Node<'_>, shape: &Shape, path: &str, own: &[&str]) {
        let mut seen = BTreeSet::new();
        for property in children(node) {
            let parts: Vec<Node<'_>> = children(property).collect();
            let ("object_property", [key, value]) = (property.kind(), &parts[..]) else {
                self.find(property, Rule::Unsupported, "a resource inside another");
                continue;
            };
            let Some(name) = self.source.key(property) else {
                self.infer(*key);
                let expected = shape.rest.clone().unwrap_or(Type::Any);
                self.value(*value, &expected, path);
                continue;
            };
            if !seen.insert(name.clone()) {
                self.find(property, Rule::Duplicate, format!("{name} is set twice"));
            }
            if own.contains(&name.as_str()) {
                continue;
            }
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            match (shape.properties.get(&name), &shape.rest) {
                (Some(known), _) => {
                    if known.read_only {
                        self.find(property, Rule::ReadOnly, format!("{path} is set by Azure"));
                    }
                    self.value(*value, &known.kind, &path);
                }
                (None, Some(rest)) => self.value(*value, rest, &path),
                (None, None) => {
                    let known = shape.properties.keys().map(String::as_str);
                    let message = format!("there is no {path}{}", nearest(&name, known));
                    self.find(property, Rule::UnknownProperty, message);
                    self.infer(*value);
                }
            }
        }
        for (name, property) in &shape.properties {
            if property.required && !property.read_only && !seen.contains(name) {
                let dot = if path.is_empty() { "" } else { "." };
                self.find(
                    node,
                    Rule::Required,
                    format!("{path}{dot}{name} is missing"),
                );
            }
        }
    }

    /// The file that a module's declaration names, as far as others see it.
    pub(super) fn module_face(&self, path: Node<'_>) -> Option<Self> {
        let path = self.source.literal(path)?;
        let folder = self
            .source
            .path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let path = match folder {
            "" => path,
            folder => format!("{folder}/{path}"),
        };
        let sources: &'a super::source::Sources = self.sources;
        let (path, _) = sources.get_key_value(&path)?;
        Some(self.face(path))
    }

    /// Check a module's declaration: its parameters are those of the file, each of its type.
    pub(super) fn module(&mut self, statement: Node<'_>) {
        let parts: Vec<Node<'_>> = children(statement).collect();
        let [_, path, body] = parts[..] else { return };
        let Some(face) = self.module_face(path) else {
            return;
        };
        self.each_body(body, &mut |checker, object| {
            for property in children(object) {
                let key = checker.source.key(property).unwrap_or_default();
                if !["name", "params", "scope", "dependsOn"].contains(&key.as_str()) {
                    checker.find(
                        property,
                        Rule::UnknownProperty,
                        format!("a module has no {key}"),
                    );
                }
            }
            checker.bicep_properties(object);
            if let Some(name) = checker.source.property(object, "name") {
                let length = Type::Text {
                    least: Some(1),
                    most: Some(64),
                };
                checker.value(name, &length, "name");
            }
            match checker.source.property(object, "params") {
                Some(given) => checker.parameters(given, &face),
                None => checker.find(object, Rule::Required, "params is missing"),
            }
        });
    }

    fn parameters(&mut self, given: Node<'_>, face: &Self) {
        let shape = face.parameter_shape();
        self.object(given, &shape, "params", &[]);
        for property in children(given) {
            let (Some(name), Some(value)) = (self.source.key(property), children(property).nth(1))
            else {
                continue;
            };
            let secret = face.symbols.get(&name).is_some_and(|symbol| symbol.secret);
            if !secret && self.is_secret(value) {
                let message = format!("the parameter {name} is not secure and is given a secret");
                self.find(value, Rule::Secret, message);
            }
        }
    }

    /// The parameters of this file as the shape of an object.
    pub(super) fn parameter_shape(&self) -> Shape {
        let properties = self.symbols.iter().filter_map(|(name, symbol)| {
            let Role::Parameter { optional } = symbol.role else {
                return None;
            };
            let mut property = super::types::Property::of(symbol.kind.clone());
            property.required = !optional;
            Some((name.clone(), property))
        });
        Shape {
            properties: properties.collect(),
            rest: None,
        }
    }
}
