//! Python, if installed, as an independent reader of our files.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// The output of `script` for `path`; `None`, with a message, if Python or a `module` is missing.
pub fn python(module: &str, script: &str, path: &Path) -> Option<String> {
    let imports = Command::new("python3")
        .args(["-c", &format!("import {module}")])
        .output();
    if !imports.is_ok_and(|output| output.status.success()) {
        // Bypasses the capture of a passing test's output.
        let _ = writeln!(
            std::io::stderr(),
            "not checked: python3 has no {module} here (pip install {module})"
        );
        return None;
    }
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(path)
        .output()
        .expect("python3 starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}
