//! The names that a file declares, with their types.

use tree_sitter::Node;

use super::checker::{Checker, Role, Symbol};
use super::finding::Rule;
use super::functions;
use super::library::Unknown;
use super::source::{children, field};
use super::types::Type;

impl Checker<'_> {
    /// Enter every name of the file.
    pub(super) fn declare(&mut self, statements: &[Node<'_>]) {
        let mut decorators = None;
        for statement in statements {
            match statement.kind() {
                "decorators" => {
                    decorators = Some(*statement);
                    continue;
                }
                "parameter_declaration" => self.declare_parameter(*statement, decorators),
                "resource_declaration" => self.declare_resource(*statement),
                "module_declaration" => self.declare_module(*statement),
                "output_declaration" => self.declare_output(*statement),
                _ => {}
            }
            if let Some(decorators) = decorators.take()
                && statement.kind() != "parameter_declaration"
            {
                self.find(
                    decorators,
                    Rule::Decorator,
                    "only parameters are decorated here",
                );
            }
        }
        // Last, because what they are made of has to be known.
        for statement in statements {
            if statement.kind() == "variable_declaration" {
                self.declare_variable(*statement);
            }
        }
    }

    fn enter(&mut self, name: Node<'_>, role: Role, kind: Type, secret: bool) {
        let symbol = Symbol {
            role,
            kind,
            secret,
            line: name.start_position().row + 1,
        };
        let text = self.source.text_of(name);
        if self.symbols.insert(text.to_owned(), symbol).is_some() {
            self.find(name, Rule::Duplicate, format!("{text} is declared twice"));
        }
    }

    /// The type after a parameter's or an output's name.
    pub(super) fn declared_type(&mut self, node: Node<'_>) -> Type {
        match self.source.text_of(node) {
            "string" => Type::TEXT,
            "int" => Type::INT,
            "bool" => Type::Bool,
            "array" => Type::Array(Box::new(Type::Any)),
            "object" => Type::any_object(),
            other => {
                let message = format!("the type {other} is not read here");
                self.find(node, Rule::Unsupported, message);
                Type::Any
            }
        }
    }

    fn declare_parameter(&mut self, statement: Node<'_>, decorators: Option<Node<'_>>) {
        let mut parts = children(statement);
        let (Some(name), Some(kind)) = (parts.next(), parts.next()) else {
            return;
        };
        let optional = parts.next().is_some();
        let mut kind = self.declared_type(kind);
        let mut secret = false;
        for decorator in decorators.into_iter().flat_map(children) {
            let call = children(decorator).next().unwrap_or(decorator);
            let name = self.source.text_of(field(call, "function"));
            let arguments: Vec<Node<'_>> = children(field(call, "arguments")).collect();
            match functions::decorator(name) {
                Some(known) => self.arguments(call, known, &arguments),
                None => {
                    self.find(
                        decorator,
                        Rule::Decorator,
                        format!("there is no decorator {name}"),
                    );
                    continue;
                }
            };
            secret |= name == "secure";
            match self.restricted(&kind, name, arguments.first().copied()) {
                Some(restricted) => kind = restricted,
                None => {
                    let message =
                        format!("{name} does not fit a parameter of type {}", kind.name());
                    self.find(decorator, Rule::Decorator, message);
                }
            }
        }
        self.enter(name, Role::Parameter { optional }, kind, secret);
    }

    /// The type that a decorator leaves, or `None` where it does not fit.
    fn restricted(&self, kind: &Type, name: &str, argument: Option<Node<'_>>) -> Option<Type> {
        let number = argument.and_then(|node| self.source.text_of(node).parse::<i64>().ok());
        let length = number.and_then(|number| usize::try_from(number).ok());
        match (name, kind) {
            ("description" | "metadata", _) => Some(kind.clone()),
            ("secure", Type::Text { .. } | Type::Object(_)) => Some(kind.clone()),
            ("allowed", Type::Text { .. }) => {
                let values = argument.into_iter().flat_map(children);
                let values = values.map(|value| self.source.literal(value).map(Type::Literal));
                values.collect::<Option<_>>().map(Type::Union)
            }
            ("minLength", Type::Text { most, .. }) => Some(Type::Text {
                least: Some(length?),
                most: *most,
            }),
            ("maxLength", Type::Text { least, .. }) => Some(Type::Text {
                least: *least,
                most: Some(length?),
            }),
            ("minValue", Type::Int { most, .. }) => Some(Type::Int {
                least: Some(number?),
                most: *most,
            }),
            ("maxValue", Type::Int { least, .. }) => Some(Type::Int {
                least: *least,
                most: Some(number?),
            }),
            _ => None,
        }
    }

    fn declare_variable(&mut self, statement: Node<'_>) {
        let mut parts = children(statement);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        let kind = self.infer(value);
        let secret = self.is_secret(value);
        self.enter(name, Role::Variable, kind, secret);
    }

    fn declare_resource(&mut self, statement: Node<'_>) {
        let mut parts = children(statement);
        let (Some(name), Some(title)) = (parts.next(), parts.next()) else {
            return;
        };
        let Some(text) = self.source.literal(title) else {
            self.find(
                title,
                Rule::ResourceType,
                "the type is put together from others",
            );
            return;
        };
        let body = self.library.resource(&text);
        let kind = match &body {
            Ok(body) => self.chosen(statement, body),
            Err(Unknown::Type) => {
                self.find(
                    title,
                    Rule::ResourceType,
                    format!("there is no type {text}"),
                );
                Type::Any
            }
            Err(Unknown::Version(versions)) => {
                let message = format!("{text}: there is {}", versions.join(", "));
                self.find(title, Rule::ApiVersion, message);
                Type::Any
            }
        };
        let kind = match parts
            .last()
            .is_some_and(|body| body.kind() == "for_statement")
        {
            true => Type::Array(Box::new(kind)),
            false => kind,
        };
        let role = Role::Resource {
            kind: text.split('@').next().unwrap_or_default().to_lowercase(),
        };
        self.enter(name, role, kind, false);
    }

    /// The body of a resource whose type depends on its name, by that name.
    fn chosen(&self, statement: Node<'_>, body: &Type) -> Type {
        let Type::Discriminated { key, choices, .. } = self.library.resolve(body) else {
            return body.clone();
        };
        let object = children(statement).find(|part| part.kind() == "object");
        let value = object.and_then(|object| self.source.property(object, &key));
        let value = value.and_then(|value| self.source.literal(value));
        value
            .and_then(|value| choices.get(&value).cloned())
            .unwrap_or(Type::Any)
    }

    fn declare_output(&mut self, statement: Node<'_>) {
        let mut parts = children(statement);
        let (Some(name), Some(kind)) = (parts.next(), parts.next()) else {
            return;
        };
        let kind = self.declared_type(kind);
        let text = self.source.text_of(name);
        if self.outputs.insert(text.to_owned(), kind).is_some() {
            self.find(
                name,
                Rule::Duplicate,
                format!("the output {text} is there twice"),
            );
        }
    }

    fn declare_module(&mut self, statement: Node<'_>) {
        let mut parts = children(statement);
        let (Some(name), Some(path)) = (parts.next(), parts.next()) else {
            return;
        };
        let loops = parts
            .last()
            .is_some_and(|body| body.kind() == "for_statement");
        let outputs = match self.module_face(path) {
            Some(face) => Type::object(face.outputs),
            None => {
                self.find(
                    path,
                    Rule::Module,
                    format!("{} is not there", self.source.text_of(path)),
                );
                Type::Any
            }
        };
        let module = Type::object([
            ("name".to_owned(), Type::TEXT),
            ("outputs".to_owned(), outputs),
        ]);
        let kind = match loops {
            true => Type::Array(Box::new(module)),
            false => module,
        };
        self.enter(name, Role::Module, kind, false);
    }
}
