//! The published types of resources, as far as they are kept beside the tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::types::{Property, Shape, Type};

const REQUIRED: u64 = 1;
const READ_ONLY: u64 = 2;
const WRITE_ONLY: u64 = 4;

/// All types that are known.
pub(super) struct Library {
    files: Vec<Vec<Value>>,
    /// `type@version` in lower case, to the place of its definition.
    resources: BTreeMap<String, (usize, usize)>,
}

/// A resource type that is not in the library.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Of that name there is none.
    Type,
    /// There are other versions.
    Version(Vec<String>),
}

impl Library {
    /// Read the files in `folder`.
    pub(super) fn read(folder: &Path) -> Self {
        let index = fs::read_to_string(folder.join("index.json")).unwrap();
        let index: BTreeMap<String, (String, usize)> = serde_json::from_str(&index).unwrap();
        let mut names: Vec<&String> = index.values().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let files = names.iter().map(|name| read_file(folder, name)).collect();
        let place = |name: &String| names.binary_search(&name).unwrap();
        let resources = index
            .iter()
            .map(|(key, (name, index))| (key.to_lowercase(), (place(name), *index)))
            .collect();
        Self { files, resources }
    }

    /// The body of a resource of `type@version`.
    pub(super) fn resource(&self, name: &str) -> Result<Type, Unknown> {
        let name = name.to_lowercase();
        if let Some((file, index)) = self.resources.get(&name) {
            return Ok(self.link(*file, &self.files[*file][*index]["body"]));
        }
        let start = format!("{}@", name.split('@').next().unwrap_or_default());
        let versions: Vec<String> = self
            .resources
            .keys()
            .filter_map(|key| key.strip_prefix(&start).map(str::to_owned))
            .collect();
        match versions.is_empty() {
            true => Err(Unknown::Type),
            false => Err(Unknown::Version(versions)),
        }
    }

    /// The type itself, where this is only its place.
    pub(super) fn resolve(&self, kind: &Type) -> Type {
        let Type::Link { file, index } = kind else {
            return kind.clone();
        };
        let value = &self.files[*file][*index];
        let count = |key: &str| {
            value[key]
                .as_u64()
                .and_then(|count| usize::try_from(count).ok())
        };
        match value["$type"].as_str().unwrap() {
            "BooleanType" => Type::Bool,
            "IntegerType" => Type::Int {
                least: value["minValue"].as_i64(),
                most: value["maxValue"].as_i64(),
            },
            "StringType" => Type::Text {
                least: count("minLength"),
                most: count("maxLength"),
            },
            "StringLiteralType" => Type::Literal(value["value"].as_str().unwrap().to_owned()),
            "ArrayType" => Type::Array(Box::new(self.link(*file, &value["itemType"]))),
            "UnionType" => {
                let choices = value["elements"].as_array().unwrap();
                Type::Union(
                    choices
                        .iter()
                        .map(|choice| self.link(*file, choice))
                        .collect(),
                )
            }
            "ObjectType" => {
                let rest = value.get("additionalProperties");
                Type::Object(Rc::new(Shape {
                    properties: self.properties(*file, &value["properties"]),
                    rest: rest.map(|rest| self.link(*file, rest)),
                }))
            }
            "DiscriminatedObjectType" => {
                let choices = value["elements"].as_object().unwrap();
                Type::Discriminated {
                    key: value["discriminator"].as_str().unwrap().to_owned(),
                    choices: choices
                        .iter()
                        .map(|(name, choice)| (name.clone(), self.link(*file, choice)))
                        .collect(),
                    base: Rc::new(Shape {
                        properties: self.properties(*file, &value["baseProperties"]),
                        rest: None,
                    }),
                }
            }
            _ => Type::Any,
        }
    }

    fn properties(&self, file: usize, properties: &Value) -> BTreeMap<String, Property> {
        let properties = properties.as_object().unwrap();
        properties
            .iter()
            .map(|(name, property)| {
                let flags = property["flags"].as_u64().unwrap();
                let property = Property {
                    kind: self.link(file, &property["type"]),
                    required: flags & REQUIRED != 0,
                    read_only: flags & READ_ONLY != 0,
                    write_only: flags & WRITE_ONLY != 0,
                };
                (name.clone(), property)
            })
            .collect()
    }

    /// `{"$ref": "#/12"}`.
    fn link(&self, file: usize, reference: &Value) -> Type {
        let index = reference["$ref"].as_str().unwrap();
        let index = index.strip_prefix("#/").unwrap().parse().unwrap();
        assert!(index < self.files[file].len(), "{reference} leads nowhere");
        Type::Link { file, index }
    }
}

fn read_file(folder: &Path, name: &str) -> Vec<Value> {
    let mut text = String::new();
    match fs::read(folder.join(format!("{name}.json.gz"))) {
        Ok(bytes) => {
            GzDecoder::new(&bytes[..])
                .read_to_string(&mut text)
                .unwrap();
        }
        Err(_) => text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap(),
    }
    serde_json::from_str(&text).unwrap()
}
