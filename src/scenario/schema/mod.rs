//! The JSON schema of scenarios for editors, `docs/scenario.schema.json`: made from the types that read a scenario and from the
//! tables of its documentation, and compared with the file that is committed. JSON Schema draft 4, as TOML editors know it.
//!
//! What a variant may supply is required nowhere, for a scenario may leave it to its variants.

mod probe;
mod words;

use serde_json::{Map, Value, json};

use super::read::file::File;
use super::read::merge::OVERRIDABLE;
use probe::{Kind, Step};

/// The tables that a variant addresses by name and a scenario writes as `[[…]]`.
const NAMED: [&str; 3] = ["phase", "request", "service"];

/// All of it.
fn schema() -> Value {
    let mut tables = Map::new();
    let mut file = table("File", &[], &mut tables);
    let variant = variant(&tables);
    tables.insert("Variant".to_owned(), variant);
    let variants = json!({
        "description": words::description("File", "variant"),
        "type": "array",
        "items": { "$ref": "#/definitions/Variant" },
    });
    file["properties"]["variant"] = variants;
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "telemload scenario",
        "description": "A scenario of telemload. docs/reference/scenario.md says more of each key.",
    });
    let root = schema.as_object_mut().expect("it is an object");
    root.extend(file.as_object().expect("a table is an object").clone());
    root.insert("definitions".to_owned(), tables.into());
    schema
}

/// A table of keys; those below it are put into `tables`.
fn table(name: &str, path: &[Step], tables: &mut Map<String, Value>) -> Value {
    let Kind::Table(_, keys) = probe::kind::<File>(path) else {
        panic!("{name} is no table");
    };
    let keys = keys
        .iter()
        .filter(|key| !words::REFUSED.contains(&(name, **key)));
    let mut properties = Map::new();
    for key in keys.clone() {
        let path = [path, &[Step::Key(key)]].concat();
        let mut value = value(&path, tables);
        if let Some((_, _, words, _)) = words::WORDS.iter().find(|of| (of.0, of.1) == (name, *key))
        {
            match value.get_mut("items") {
                Some(items) => *items = json!({ "enum": words }),
                None => value = json!({ "enum": words }),
            }
        }
        let description = words::description(name, key);
        // Beside a `$ref` nothing else counts.
        if value.get("$ref").is_some() {
            value = json!({ "allOf": [value] });
        }
        value["description"] = description.into();
        properties.insert((*key).to_owned(), value);
    }
    let mut table = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let required = match path.first() {
        None => vec!["name"],
        Some(Step::Key(root)) if OVERRIDABLE.contains(root) => {
            let is_element =
                path.last() == Some(&Step::Into) && keys.clone().any(|key| *key == "name");
            if is_element { vec!["name"] } else { Vec::new() }
        }
        _ => probe::required::<File>(path),
    };
    if !required.is_empty() {
        table["required"] = required.into();
    }
    table
}

/// The value of a key.
fn value(path: &[Step], tables: &mut Map<String, Value>) -> Value {
    let below = |tables: &mut Map<String, Value>| value(&[path, &[Step::Into]].concat(), tables);
    match probe::kind::<File>(path) {
        Kind::Table(name, _) => {
            if !tables.contains_key(name) {
                let table = table(name, path, tables);
                tables.insert(name.to_owned(), table);
            }
            json!({ "$ref": format!("#/definitions/{name}") })
        }
        Kind::Names => json!({ "type": "object", "additionalProperties": below(tables) }),
        Kind::List => json!({ "type": "array", "items": below(tables) }),
        Kind::Text(expected) => words::text(&expected),
        Kind::Bool => json!({ "type": "boolean" }),
        // TOML ends at i64::MAX.
        Kind::Whole(most) if most > i64::MAX as u64 => json!({ "type": "integer", "minimum": 0 }),
        Kind::Whole(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Either(expected) => words::either(&expected),
    }
}

/// A name, and what overrides a scenario's tables.
fn variant(tables: &Map<String, Value>) -> Value {
    let mut properties = Map::new();
    properties.insert(
        "name".to_owned(),
        json!({ "type": "string", "description": words::description("Variant", "name") }),
    );
    for key in OVERRIDABLE {
        let scenario = value(&[Step::Key(key)], &mut Map::new());
        let overrides = match NAMED.contains(&key) {
            true => {
                let name = scenario["items"]["$ref"].as_str().expect("it is a table");
                let name = name.rsplit('/').next().expect("a path has an end");
                let mut element = tables[name].clone();
                element.as_object_mut().expect("a table").remove("required");
                json!({ "anyOf": [{ "type": "object", "additionalProperties": element }, scenario] })
            }
            false => scenario,
        };
        let description = format!("Overrides `{key}`.");
        properties.insert(
            key.to_owned(),
            json!({ "allOf": [overrides], "description": description }),
        );
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": ["name"] })
}

mod tests;
