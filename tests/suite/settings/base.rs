//! Documents with a base.

use neurogain::optim::Optimizer;

use super::*;

fn from(text: &str) -> Result<Settings, Error> {
    Settings::from_toml(&format!("base = \"split-digits\"\n{text}"), "mine.toml")
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.methods.iter().map(|m| m.name.as_str()).collect()
}

#[test]
fn a_document_says_only_what_differs() {
    assert_eq!(from(""), Ok(digits()));
    let mine =
        from("title = \"Mine\"\n[gain]\neta = 0.1\n[network]\nhidden = [8]\n").expect("valid");
    let changes = ["title=Mine", "gain.eta=0.1", "network.hidden=[8]"];
    assert_eq!(Ok(mine), digits().with_overrides(&changes));
}

#[test]
fn entries_of_lists_are_merged_by_name_or_replaced() {
    let entries = "[[methods]]\nname = \"extra\"\nlabel = \"Extra\"\noptimizer = { rule = \"adam\" }\n\
                   [[methods]]\nname = \"adam\"\noptimizer = { beta1 = 0.5 }\n";
    let merged = from(entries).expect("valid");
    assert_eq!(names(&merged), ["ngm-sgd", "msgd", "adam", "sgd", "extra"]);
    let adam = |beta1| Optimizer::Adam {
        beta1,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    let rules = [&merged.methods[2], &merged.methods[4]].map(|method| method.optimizer);
    assert_eq!(rules, [adam(0.5), adam(0.9)]);
    assert_eq!(merged.methods[2].label, "Adam");
    // Only the document's own settings exist, so they must be complete.
    let (extra, _) = entries.rsplit_once("[[").expect("two entries");
    let replaced = from(&format!("replace = [\"methods\"]\n{extra}")).expect("valid");
    assert_eq!(names(&replaced), ["extra"]);
    let error = from(&format!("replace = [\"methods\"]\n{entries}")).expect_err("adam has no rule");
    assert!(
        error
            .to_string()
            .contains("methods.adam.optimizer.rule = (missing)"),
        "{error}"
    );
    for wrong in [
        "replace = [\"method\"]\n",
        "replace = 1\n",
        "replace = [1]\n",
    ] {
        let error = from(wrong).expect_err(wrong).to_string();
        assert!(error.contains("mine.toml: line 2: replace = "), "{error}");
    }
}

#[test]
fn another_kind_drops_the_keys_of_the_one_before() {
    let changed = from("[[methods]]\nname = \"adam\"\noptimizer = { rule = \"sgd\" }\n");
    assert_eq!(changed, overridden("methods.adam.optimizer.rule=sgd"));
    let error = from("[network]\nkind = \"slim-resnet18\"\n").expect_err("no width");
    assert!(
        error.to_string().contains("network.width = (missing)"),
        "{error}"
    );
}

#[test]
fn files_start_from_files_and_errors_name_the_one_that_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let read = || Settings::from_file(&folder.path().join("mine.toml"));
    write("mine.toml", "base = \"lab.toml\"\n[training]\nbatch = 8\n");
    write("lab.toml", "base = \"split-digits\"\n\n[gain]\neta = 0.1\n");
    let expected = digits().with_overrides(&["training.batch=8", "gain.eta=0.1"]);
    assert_eq!(read(), expected);
    write(
        "lab.toml",
        "base = \"split-digits\"\n\n[gain]\neta = -0.1\n",
    );
    let error = read().expect_err("out of range").to_string();
    assert!(
        error.contains("lab.toml: line 4: gain.eta = -0.1"),
        "{error}"
    );
    for (base, said) in [
        ("\"mine.toml\"", "that is not itself based on this one"),
        ("\"split-digit\"", "did you mean `split-digits`?"),
        ("3", "base = 3: expected a benchmark"),
    ] {
        write("lab.toml", &format!("\nbase = {base}\n"));
        let error = read().expect_err(base).to_string();
        assert!(
            error.contains("lab.toml: line 2: ") && error.contains(said),
            "{error}"
        );
    }
    write("mine.toml", "base = \"missing.toml\"\n");
    let error = read().expect_err("no such file").to_string();
    let said = "missing.toml: cannot read: there is no such file; `neurogain list`";
    assert!(
        error.contains("mine.toml: line 1: ") && error.contains(said),
        "{error}"
    );
    // Without a base, a setting that is left out is missing.
    write("mine.toml", "[gain]\neta = 0.1\n");
    let error = read().expect_err("no base").to_string();
    assert!(error.contains("begin the file with base = "), "{error}");
}

#[test]
fn a_base_of_another_kind_is_refused_as_that() {
    for (text, said) in [
        (
            "base = \"comodulation-digits\"\n",
            "a stability-gap experiment",
        ),
        (
            "base = \"split-digits\"\nkind = \"comodulation\"\n",
            "a stability-gap experiment",
        ),
    ] {
        let error = Settings::from_toml(text, "mine.toml")
            .expect_err(text)
            .to_string();
        assert!(error.contains(said), "{error}");
    }
    use neurogain::systems::comodulation::ComodulationSettings;
    let text = "base = \"split-digits\"\nkind = \"comodulation\"\n";
    let error = ComodulationSettings::from_toml(text, "mine.toml").expect_err("two kinds");
    let said = "mine.toml: line 2: kind = \"comodulation\": expected the kind of the base";
    assert_eq!(error.to_string(), said);
}

#[test]
fn what_is_said_twice_is_refused() {
    let twice = "[[methods]]\nname = \"sgd\"\nlabel = \"One\"\n[[methods]]\nname = \"sgd\"\nlabel = \"Two\"\n";
    let error = from(twice).expect_err("one name twice").to_string();
    assert!(error.contains("line 2: methods = sgd"), "{error}");
    let (name, _, expected) = refused("methods.sgd.parameters.eta=0.3");
    assert_eq!(name, "methods.sgd.parameters");
    assert!(
        expected.contains("gradient-descent has no parameters"),
        "{expected}"
    );
}
