//! Python as an independent reader of our files.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `script` prints, given these arguments and this standard input; it must succeed.
#[track_caller]
pub fn python(script: &str, arguments: &[&Path], input: &[u8]) -> String {
    let mut child = Command::new("python3")
        .args(["-c", script])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    // A script that fails early does not read all of it; its error is shown below.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("python3 ends");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
