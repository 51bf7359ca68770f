//! The links of the documents lead to files that exist, and to headings in them.

use std::fs;
use std::path::{Path, PathBuf};

/// Every document of the repository.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["", "benches", "data/digits", "docs", "python"];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).expect("a folder"));
    let files = files.map(|entry| entry.expect("an entry").path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// The lines of a document outside its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The targets of the links and images of a document.
fn targets(text: &str) -> Vec<&str> {
    let after = prose(text).flat_map(|line| line.split("](").skip(1));
    after
        .filter_map(|rest| Some(rest.split_once(')')?.0))
        .collect()
}

/// The anchors of the headings of a document, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let letters = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        });
        kept.collect()
    };
    headings.map(letters).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let mut checked = 0;
    for document in &documents {
        let text = fs::read_to_string(document).expect("text");
        for target in targets(&text) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = match target.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (target, None),
            };
            let path = match file {
                "" => document.clone(),
                file => document.with_file_name(file),
            };
            let link = format!("{}: {target}", document.display());
            assert!(path.exists(), "{link}");
            if let Some(anchor) = anchor {
                let known = anchors(&fs::read_to_string(&path).expect("text"));
                assert!(known.iter().any(|k| k == anchor), "{link}: {known:?}");
            }
            checked += 1;
        }
    }
    assert!(documents.len() > 10 && checked > 40, "{checked}");
}
