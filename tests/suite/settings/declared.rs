//! Generated from the declarations: the reference, the annotated presets, the schema, defaults, spellings.

use std::io::Write;
use std::process::{Command, Stdio};

use neurogain::run::settings::{annotated, json_schema, reference};
use neurogain::systems::comodulation::ComodulationSettings;

use super::*;

#[test]
fn the_guides_page_is_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    let page = std::fs::read_to_string(path).expect("docs/settings.md");
    assert!(
        page == reference(),
        "docs/settings.md is out of date: run `cargo run -- list --keys > docs/settings.md`"
    );
    for part in [
        "`methods.NAME.optimizer`",
        "Burst scale η.",
        "Default: `0.999`",
    ] {
        assert!(page.contains(part), "no {part}");
    }
}

#[test]
fn an_annotated_preset_reads_back_and_says_what_each_key_is() {
    for name in Settings::presets().iter().map(|(name, _)| *name) {
        let text = annotated(name).expect(name);
        assert_eq!(
            Settings::from_toml(&text, name),
            Settings::preset(name),
            "{name}"
        );
        assert!(text.contains("# Burst scale η."), "{name}");
        assert!(
            text.contains("Default: `[42, 43, 44, 45, 46]`.\nseeds = "),
            "{name}"
        );
    }
    for name in ComodulationSettings::presets()
        .iter()
        .map(|(name, _)| *name)
    {
        let text = annotated(name).expect(name);
        let read = ComodulationSettings::from_toml(&text, name);
        assert_eq!(read, ComodulationSettings::preset(name), "{name}");
    }
    assert!(annotated("split-digit").is_err());
}

/// Each key with a default may be left out, and then has the default.
#[test]
fn a_key_with_a_default_may_be_left_out() {
    let text = Settings::preset_text("split-digits").expect("the preset");
    let (before, rest) = text.split_once("[evaluation]").expect("the table");
    let (_, after) = rest.split_once("\n[gain]").expect("the table after it");
    let mut short = format!("{before}\n[gain]{after}");
    for line in [
        "seeds = [42, 43, 44, 45, 46]\n",
        "crop_padding = 0\n",
        "horizontal_flip = false\n",
        "gain_modulated = false\n",
        ", beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8",
    ] {
        assert!(short.contains(line), "{line}");
        short = short.replace(line, "");
    }
    assert_eq!(Settings::from_toml(&short, "t"), Ok(digits()));
}

#[test]
fn either_spelling_is_read_and_one_is_written() {
    let text = Settings::preset_text("split-digits").expect("the preset");
    let british = text.replace("optimizer", "optimiser");
    let settings = Settings::from_toml(&british, "t").expect("both spellings");
    assert_eq!(settings, digits());
    assert!(!settings.to_toml().expect("TOML").contains("optimiser"));
    let changed = overridden("methods.adam.optimiser.beta1=0.5");
    assert_eq!(changed, overridden("methods.adam.optimizer.beta1=0.5"));
    assert_ne!(changed, Ok(digits()));
    let wrong = british.replacen("momentum = 0.9", "momentum = 1.9", 1);
    let line = 1 + wrong
        .lines()
        .position(|line| line.contains("1.9"))
        .expect("the line");
    let error = Settings::from_toml(&wrong, "t")
        .expect_err("out of range")
        .to_string();
    assert!(
        error.contains(&format!("line {line}: methods.msgd.optimizer")),
        "{error}"
    );
}

/// With python3 and its package jsonschema, every shipped document is valid and a wrong one is not.
#[test]
fn the_schema_accepts_what_ships_and_refuses_what_is_wrong() {
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
    let script = "import sys, json\n\
        try: import jsonschema\n\
        except ImportError: sys.exit(77)\n\
        schema, documents = json.load(sys.stdin)\n\
        jsonschema.Draft7Validator.check_schema(schema)\n\
        check = jsonschema.Draft7Validator(schema)\n\
        for valid, document in documents:\n\
        \x20   errors = [error.message for error in check.iter_errors(document)]\n\
        \x20   assert valid == (not errors), (valid, document, errors)";
    let child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: no python3");
        return;
    };
    let input = serde_json::to_vec(&(json_schema(), documents)).expect("JSON");
    // Nothing is checked if the package is missing.
    let _ = child.stdin.take().expect("a pipe").write_all(&input);
    let output = child.wait_with_output().expect("python3 ends");
    match output.status.code() {
        Some(77) => eprintln!("skipped: python3 has no package jsonschema"),
        code => assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&output.stderr)),
    }
}
