//! A JSON Schema of settings, for editors.

use serde_json::{Map, Value, json};

use super::reference::prose;
use super::{DocumentKind, Key, Kind, Range, Variant};

/// The JSON Schema (draft 7) of a document of any system.
pub fn json_schema() -> Value {
    let all = DocumentKind::all();
    let mut schema = all
        .iter()
        .find(|system| system.kind().is_none())
        .map_or(json!(false), document);
    // Without `kind`, a document is of the kind of its base.
    let inherits = |names: Vec<&str>| {
        let properties = json!({ "base": { "enum": names } });
        json!({ "properties": properties, "required": ["base"], "not": { "required": ["kind"] } })
    };
    let names = |system: &DocumentKind| system.presets.iter().map(|(name, _)| *name).collect();
    for (system, kind) in all
        .iter()
        .filter_map(|system| Some((system, system.kind()?)))
    {
        let properties = json!({ "kind": { "const": kind } });
        let says = json!({ "properties": properties, "required": ["kind"] });
        schema = json!({
            "if": { "anyOf": [says, inherits(names(system))] },
            "then": document(system),
            "else": schema,
        });
    }
    // The kind of a base that is a file is not known here.
    let presets = DocumentKind::presets().map(|(name, _)| *name).collect();
    let mut file = inherits(presets);
    file["properties"]["base"] = json!({ "not": file["properties"]["base"] });
    let any: Vec<Value> = all.iter().map(document).collect();
    schema = json!({ "if": file, "then": { "anyOf": any }, "else": schema });
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Settings of neurogain");
    schema
}

/// The schema of a document; with a base, no key is required.
fn document(system: &DocumentKind) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let mut partial = table(system.keys, false);
    partial["properties"]["base"] = json!({
        "type": "string",
        "description": "The benchmark or file that this document inherits from. A relative path starts at the folder of this file.",
    });
    partial["properties"]["replace"] = texts;
    json!({ "if": { "required": ["base"] }, "then": partial, "else": table(system.keys, true) })
}

fn table(keys: &[Key], whole: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let schema = setting(key, whole);
        let american = key.name.replace("is", "iz");
        if american != key.name && key.name.contains("ise") {
            properties.insert(american, schema.clone());
        } else if whole && !key.optional && key.default.is_none() {
            required.push(key.name);
        }
        properties.insert(key.name.into(), schema);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn setting(key: &Key, whole: bool) -> Value {
    let mut schema = kind(key.kind, whole);
    schema["description"] = json!(prose(key.docs));
    if let Some(default) =
        super::check::default(key).and_then(|value| serde_json::to_value(value).ok())
    {
        schema["default"] = default;
    }
    let ranged = match schema.get("items") {
        Some(_) if !matches!(key.range, Range::NotEmpty(_) | Range::Distinct(_)) => {
            &mut schema["items"]
        }
        _ => &mut schema,
    };
    let limits = match key.range {
        Range::Any | Range::Finite => json!({}),
        Range::Positive => json!({ "exclusiveMinimum": 0 }),
        Range::NotNegative => json!({ "minimum": 0 }),
        Range::Fraction => json!({ "minimum": 0, "exclusiveMaximum": 1 }),
        Range::Share => json!({ "minimum": 0, "maximum": 1 }),
        Range::AtLeastOne => json!({ "minimum": 1 }),
        Range::Between(from, to, _) => json!({ "minimum": from, "maximum": to }),
        Range::Name => json!({ "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" }),
        Range::Line => json!({ "pattern": "^[^\\x00-\\x1f]*[^\\x00-\\x20][^\\x00-\\x1f]*$" }),
        Range::NotEmpty(_) => json!({ "minItems": 1 }),
        Range::Distinct(_) => json!({ "minItems": 1, "uniqueItems": true }),
    };
    for (name, limit) in limits.as_object().into_iter().flatten() {
        ranged[name] = limit.clone();
    }
    schema
}

fn kind(kind: Kind, whole: bool) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Whole(most) => {
            json!({ "type": "integer", "minimum": 0, "maximum": most.min(i64::MAX as u64) })
        }
        Kind::Choice(variants) => json!({ "oneOf": choice(variants) }),
        Kind::List(inner) => json!({ "type": "array", "items": self::kind(*inner, whole) }),
        Kind::Table(keys) => table(keys, whole),
        Kind::Free => json!({ "type": "object" }),
        Kind::Tagged(tag, variants) => {
            let of = |variant: &Variant| {
                let mut schema = table(variant.keys, whole);
                schema["properties"][tag] = json!({ "const": variant.name });
                if whole && let Some(required) = schema["required"].as_array_mut() {
                    required.push(json!(tag));
                }
                schema["description"] = json!(prose(variant.docs));
                schema
            };
            json!({ "anyOf": variants.iter().map(of).collect::<Vec<_>>() })
        }
    }
}

fn choice(variants: &[Variant]) -> Vec<Value> {
    let of =
        |variant: &Variant| json!({ "const": variant.name, "description": prose(variant.docs) });
    variants.iter().map(of).collect()
}
