//! A Bicep file as a syntax tree, and what is wrong with its form.

use tree_sitter::{Node, Parser, Tree};

use super::finding::{Finding, Rule};

/// Sources by their path, as a template names them.
pub(super) type Sources = std::collections::BTreeMap<String, String>;

/// A file that has been parsed.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) tree: Tree,
}

/// Nodes whose parts may stand on lines of their own.
const OPEN: [&str; 7] = [
    "infrastructure",
    "decorators",
    "object",
    "array",
    "arguments",
    "string",
    "interpolation",
];

/// Nodes whose parts are set apart by a line break or a comma.
const LISTS: [&str; 3] = ["infrastructure", "object", "array"];

impl<'a> Source<'a> {
    pub(super) fn parse(path: &'a str, text: &'a str) -> Self {
        let mut parser = Parser::new();
        parser
            .set_language(&tree_sitter_bicep::LANGUAGE.into())
            .unwrap();
        let tree = parser.parse(text, None).unwrap();
        Self { path, text, tree }
    }

    pub(super) fn finding(&self, node: Node<'_>, rule: Rule, message: String) -> Finding {
        Finding {
            file: self.path.to_owned(),
            line: node.start_position().row + 1,
            rule,
            message,
        }
    }

    pub(super) fn text_of(&self, node: Node<'_>) -> &'a str {
        &self.text[node.byte_range()]
    }

    /// The text of a string without interpolation.
    pub(super) fn literal(&self, node: Node<'_>) -> Option<String> {
        if node.kind() != "string" {
            return None;
        }
        let mut literal = String::new();
        for part in children(node) {
            match part.kind() {
                "interpolation" => return None,
                "escape_sequence" => literal.push_str(match self.text_of(part) {
                    "\\n" => "\n",
                    "\\r" => "\r",
                    "\\t" => "\t",
                    escaped => &escaped[1..],
                }),
                _ => literal.push_str(self.text_of(part)),
            }
        }
        Some(literal)
    }

    /// The name of a property, unless it is put together from others.
    pub(super) fn key(&self, property: Node<'_>) -> Option<String> {
        let key = children(property).next()?;
        match key.kind() {
            "string" => self.literal(key),
            _ => Some(self.text_of(key).to_owned()),
        }
    }

    /// The value of the property of that name in an object.
    pub(super) fn property<'t>(&self, object: Node<'t>, name: &str) -> Option<Node<'t>> {
        children(object)
            .find(|property| {
                property.kind() == "object_property" && self.key(*property).as_deref() == Some(name)
            })
            .and_then(|property| children(property).nth(1))
    }

    /// What is no Bicep, and what stands where a line break is missing or too many.
    pub(super) fn form(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        self.errors(self.tree.root_node(), &mut found);
        if found.is_empty() {
            self.layout(self.tree.root_node(), &mut found);
        }
        found
    }

    fn errors(&self, node: Node<'_>, found: &mut Vec<Finding>) {
        if node.is_missing() {
            found.push(self.finding(node, Rule::Syntax, format!("{} is missing", node.kind())));
        } else if node.is_error() {
            let near = self.text_of(node).lines().next().unwrap_or_default();
            found.push(self.finding(node, Rule::Syntax, format!("near {near:?}")));
        } else if node.has_error() {
            let mut cursor = node.walk();
            for child in node.children(&mut cursor) {
                self.errors(child, found);
            }
        }
    }

    fn layout(&self, node: Node<'_>, found: &mut Vec<Finding>) {
        let mut cursor = node.walk();
        let parts: Vec<Node<'_>> = node
            .children(&mut cursor)
            .filter(|part| !part.kind().contains("comment"))
            .collect();
        for pair in parts.windows(2) {
            let [before, after] = pair else { continue };
            let same_line = before.end_position().row == after.start_position().row;
            if !OPEN.contains(&node.kind()) && !same_line {
                let message = format!("a line break inside a {}", node.kind());
                found.push(self.finding(*after, Rule::Layout, message));
            }
            let items = before.is_named() && after.is_named();
            if LISTS.contains(&node.kind()) && items && same_line {
                let message = "neither a line break nor a comma before this".to_owned();
                found.push(self.finding(*after, Rule::Layout, message));
            }
        }
        for part in parts {
            self.layout(part, found);
        }
    }
}

/// The parts of a node that mean something.
pub(super) fn children<'t>(node: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    let mut cursor = node.walk();
    let children: Vec<Node<'t>> = node
        .named_children(&mut cursor)
        .filter(|child| !child.kind().contains("comment"))
        .collect();
    children.into_iter()
}

/// The part of a node that the grammar calls so.
pub(super) fn field<'t>(node: Node<'t>, name: &str) -> Node<'t> {
    node.child_by_field_name(name)
        .unwrap_or_else(|| panic!("a {} has no {name}", node.kind()))
}
