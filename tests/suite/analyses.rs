//! The slow analyses in full: `cargo test --release --test suite analyses -- --ignored`.

use neurogain::Cpu;
use neurogain::data::digits;
use neurogain::systems::stability_gap::{
    ANALYSES, Analysis, Subject, analyse, analysed_by_default,
};

fn whole(name: &str) -> Analysis {
    let subject = Subject {
        settings: &analysed_by_default(name).unwrap(),
        samples: &digits::load(),
        backend: &Cpu::new().unwrap(),
        threads: 2,
        tell: &|_| (),
    };
    let analysis = analyse(name, &subject).unwrap();
    assert_eq!(analysis.figures[0].name, name);
    for figure in &analysis.figures {
        assert!(figure.name.starts_with(name), "{}", figure.name);
        assert!(figure.svg.starts_with("<svg") && figure.svg.trim_end().ends_with("</svg>"));
        assert!(figure.csv.lines().count() > 20, "{}", figure.csv);
        assert!(!figure.csv.contains("NaN") && !figure.csv.contains("inf"));
    }
    analysis
}

#[test]
#[ignore = "minutes"]
fn every_analysis_is_whole_and_gives_the_same_bits_again() {
    for (name, _) in ANALYSES {
        assert_eq!(whole(name), whole(name), "{name}");
    }
}

/// λ in W divided by λ in W_eff, each computed separately, is g² to the digits of the table.
#[test]
#[ignore = "a minute"]
fn the_landscape_of_a_real_network_shows_the_gain_squared() {
    let analysis = whole("landscape");
    let (table, caption) = (analysis.table, &analysis.figures[0].caption);
    let heading: Vec<&str> = table
        .lines()
        .next()
        .unwrap()
        .split("  ")
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .collect();
    let place = |name: &str| heading.len() - heading.iter().position(|h| *h == name).unwrap();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let cell = |name: &str| cells[cells.len() - place(name)].parse::<f64>().unwrap();
        assert!((cell("ratio") - cell("g²")).abs() <= 1e-3, "{table}");
        assert!(cell("g") > 1.2 && cell("λ1 W_eff") > 1.0, "{table}");
        let [weights, effective] = ["λ1 W", "λ1 W_eff"].map(cell);
        let both = format!("{weights:.1} in W and {effective:.1} in W_eff");
        assert!(caption.contains(&both), "{caption}");
    }
}
