//! Everything that is known of one file while it is checked.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use super::finding::{Finding, Rule};
use super::library::Library;
use super::source::{Source, Sources, children};
use super::types::Type;

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    pub(super) role: Role,
    pub(super) kind: Type,
    /// Whether it must not be seen.
    pub(super) secret: bool,
    /// From 1.
    pub(super) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Parameter {
        optional: bool,
    },
    Variable,
    /// Of this type, without its version.
    Resource {
        kind: String,
    },
    Module,
}

/// The state of a check.
pub(super) struct Checker<'a> {
    pub(super) library: &'a Library,
    pub(super) sources: &'a Sources,
    pub(super) source: Source<'a>,
    pub(super) symbols: BTreeMap<String, Symbol>,
    /// Names of loops, innermost last.
    pub(super) locals: Vec<(String, Type)>,
    pub(super) outputs: BTreeMap<String, Type>,
    used: BTreeSet<String>,
    pub(super) findings: Vec<Finding>,
}

/// Check every file; the findings by file and line.
pub(super) fn check(library: &Library, sources: &Sources) -> Vec<Finding> {
    let mut findings: Vec<Finding> = sources
        .keys()
        .flat_map(|path| Checker::run(library, sources, path).findings)
        .collect();
    findings.sort();
    findings.dedup();
    findings
}

impl<'a> Checker<'a> {
    fn new(library: &'a Library, sources: &'a Sources, path: &'a str) -> Self {
        Self {
            library,
            sources,
            source: Source::parse(path, &sources[path]),
            symbols: BTreeMap::new(),
            locals: Vec::new(),
            outputs: BTreeMap::new(),
            used: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// Check one file.
    pub(super) fn run(library: &'a Library, sources: &'a Sources, path: &'a str) -> Self {
        let mut checker = Self::new(library, sources, path);
        checker.findings = checker.source.form();
        if checker.findings.is_empty() {
            let tree = checker.source.tree.clone();
            let statements: Vec<Node<'_>> = children(tree.root_node()).collect();
            checker.declare(&statements);
            checker.statements(&statements);
            checker.unused();
        }
        checker
    }

    /// What a file offers to those who use it as a module, its own faults aside.
    pub(super) fn face(&self, path: &'a str) -> Self {
        let mut face = Self::new(self.library, self.sources, path);
        let tree = face.source.tree.clone();
        let statements: Vec<Node<'_>> = children(tree.root_node()).collect();
        face.declare(&statements);
        face
    }

    pub(super) fn find(&mut self, node: Node<'_>, rule: Rule, message: impl Into<String>) {
        let finding = self.source.finding(node, rule, message.into());
        self.findings.push(finding);
    }

    fn statements(&mut self, statements: &[Node<'_>]) {
        for statement in statements {
            match statement.kind() {
                "parameter_declaration" => self.default_value(*statement),
                "resource_declaration" => self.resource(*statement),
                "module_declaration" => self.module(*statement),
                "output_declaration" => self.output(*statement),
                "target_scope_assignment" => self.target_scope(*statement),
                "variable_declaration" | "decorators" => {}
                other => self.find(
                    *statement,
                    Rule::Unsupported,
                    format!("{other} is not read here"),
                ),
            }
        }
    }

    fn target_scope(&mut self, statement: Node<'_>) {
        let scope = children(statement)
            .next()
            .and_then(|node| self.source.literal(node));
        if scope.as_deref() != Some("resourceGroup") {
            self.find(
                statement,
                Rule::Unsupported,
                "only resource groups are deployed to",
            );
        }
    }

    /// The default of a parameter is of its type, and one of its allowed values.
    fn default_value(&mut self, statement: Node<'_>) {
        let parts: Vec<Node<'_>> = children(statement).collect();
        let [name, _, value] = parts[..] else { return };
        let name = self.source.text_of(name);
        if let Some(symbol) = self.symbols.get(name).cloned() {
            self.value(value, &symbol.kind, name);
            if symbol.secret
                && self
                    .source
                    .literal(value)
                    .is_some_and(|text| !text.is_empty())
            {
                self.find(
                    value,
                    Rule::Secret,
                    format!("{name} is secret and has a default"),
                );
            }
        }
    }

    fn output(&mut self, statement: Node<'_>) {
        let parts: Vec<Node<'_>> = children(statement).collect();
        let [name, kind, value] = parts[..] else {
            return;
        };
        let expected = self.declared_type(kind);
        self.value(value, &expected, self.source.text_of(name));
        if self.is_secret(value) {
            self.find(
                value,
                Rule::Secret,
                "an output can be read by whoever reads the deployment",
            );
        }
    }

    /// Whether a value that must not be seen is part of this expression.
    pub(super) fn is_secret(&self, node: Node<'_>) -> bool {
        if node.kind() == "identifier" {
            let symbol = self.symbols.get(self.source.text_of(node));
            return symbol.is_some_and(|symbol| symbol.secret);
        }
        children(node).any(|part| self.is_secret(part))
    }

    /// Look a name up, and remember that it was used.
    pub(super) fn symbol(&mut self, name: &str) -> Option<Symbol> {
        let symbol = self.symbols.get(name).cloned();
        if symbol.is_some() {
            self.used.insert(name.to_owned());
        }
        symbol
    }

    fn unused(&mut self) {
        let unused: Vec<(String, usize)> = self
            .symbols
            .iter()
            .filter(|(name, symbol)| {
                matches!(symbol.role, Role::Parameter { .. } | Role::Variable)
                    && !self.used.contains(*name)
            })
            .map(|(name, symbol)| (name.clone(), symbol.line))
            .collect();
        for (name, line) in unused {
            self.findings.push(Finding {
                file: self.source.path.to_owned(),
                line,
                rule: Rule::Unused,
                message: format!("nothing uses {name}"),
            });
        }
    }
}
