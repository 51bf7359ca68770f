//! The package jsonschema of Python applies the schema of the settings.

use neurogain::run::settings::json_schema;
use neurogain::systems::stability_gap::Settings;

use crate::python::python;

/// Every shipped document is valid by the schema, also with a file as its base; documents with an error are not.
pub fn accepts_what_ships_and_refuses_what_is_wrong() {
    let mut documents = Vec::new();
    for folder in ["stability-gap", "comodulation", "plasticity"] {
        let folder = format!("{}/data/{folder}/presets", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("text");
            documents.push((true, text.clone()));
            // A base in a file can be of any kind.
            let based = text.lines().map(|line| match line.starts_with("base = ") {
                true => "base = \"mine.toml\"",
                false => line,
            });
            documents.push((true, based.collect::<Vec<_>>().join("\n")));
            documents.push((false, format!("typo = 1\n{text}")));
        }
    }
    for (from, to) in [
        ("batch = 64", "batch = 0"),
        ("gamma = 0.9", "gamma = 1.0"),
        ("eta = 0.4\n", ""),
        ("kind = \"mlp\"", "kind = \"cnn\""),
        ("kind = \"split\"", "kind = \"splitt\""),
        ("momentum = 0.9", "momentun = 0.9"),
    ] {
        let text = Settings::preset_text("split-digits").expect("the preset");
        assert!(text.contains(from), "{from}");
        documents.push((false, text.replace(from, to)));
    }
    let documents: Vec<(bool, toml::Table)> = documents
        .into_iter()
        .map(|(valid, text)| (valid, text.parse().expect("TOML")))
        .collect();
    let script = "
import json, sys
import jsonschema
schema, documents = json.load(sys.stdin)
jsonschema.Draft7Validator.check_schema(schema)
check = jsonschema.Draft7Validator(schema)
for valid, document in documents:
    errors = [error.message for error in check.iter_errors(document)]
    assert valid == (not errors), (valid, document, errors)
";
    let input = serde_json::to_vec(&(json_schema(), documents)).expect("JSON");
    python(script, &[], &input);
}
