//! Generated from the declarations: the reference, the annotated presets, defaults, spellings. `tests/other_programs`
//! checks the schema.

use neurogain::run::settings::{annotated, reference};
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
