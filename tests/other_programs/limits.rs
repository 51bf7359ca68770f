//! Where the system allows no more threads, as on some clusters, the program works alone: `prlimit` sets that limit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use image::RgbImage;

use crate::program::{contents, ended, folder, quick};

const SWEEP: &str = "
base = \"split-digits\"
methods = [\"sgd\"]
seeds = [1]

[grid]
stream.iterations = [1, 2]
";

/// With a limit of one thread for the user, these commands end with 0 and without a panic, and write the same bytes as
/// without the limit.
pub fn without_threads_the_bytes_are_the_same() {
    let folder = folder();
    let limited = folder.path();
    // Another user runs the program there, who may not be allowed to enter the build's folder.
    let everyone = fs::Permissions::from_mode(0o777);
    fs::set_permissions(limited, everyone.clone()).expect("allowed");
    let copy = limited.join("neurogain");
    fs::copy(env!("CARGO_BIN_EXE_neurogain"), &copy).expect("copied");
    fs::set_permissions(&copy, everyone).expect("allowed");
    fs::write(limited.join("sweep.toml"), SWEEP).expect("written");
    for half in ["train", "test"] {
        for (class, shade) in [("dark", 20), ("light", 230)] {
            let images = limited.join("images").join(half).join(class);
            fs::create_dir_all(&images).expect("created");
            for (name, height) in [("a", 9), ("b", 12)] {
                let image = RgbImage::from_pixel(10, height, image::Rgb([shade, 7, 90]));
                image
                    .save(images.join(name).with_extension("png"))
                    .expect("written");
            }
        }
    }

    let run =
        "run split-digits --set stream.iterations=2 --seeds 1..2 --methods sgd --threads 16 --out";
    for (number, command) in [
        run,
        "sweep sweep.toml --workers 4 --out",
        "data pack --side 8 images",
        "figure two-timescale --out",
    ]
    .into_iter()
    .enumerate()
    {
        let arguments = |place: &str| -> Vec<String> {
            let place = format!("{place}-{number}");
            command
                .split(' ')
                .map(String::from)
                .chain([place])
                .collect()
        };
        let own = arguments("unlimited");
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        ended(&mut quick(&folder, &own), 0);
        let mut alone = limit(&copy);
        alone
            .args(arguments("limited"))
            .current_dir(limited)
            .env_remove("NEUROGAIN_SIMD");
        let [_, complaint] = ended(&mut alone, 0);
        let warns = complaint.contains("cannot listen for Ctrl-C");
        assert_eq!(warns, number < 2, "{command}: {complaint}");
        let written = |place: &str| {
            let path = limited.join(format!("{place}-{number}"));
            match path.is_dir() {
                true => contents(&path),
                false => [("".into(), fs::read(path).expect("a file"))].into(),
            }
        };
        let (expected, found) = (written("unlimited"), written("limited"));
        assert!(expected.keys().eq(found.keys()), "{command}");
        for (path, bytes) in expected {
            assert!(
                found[&path] == bytes,
                "{command}: {} differs",
                path.display()
            );
        }
    }
}

/// The program, with as many threads allowed as it already has. For root there is no limit: it becomes a user without
/// other processes.
fn limit(program: &Path) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg("--nproc=1");
    let root = Command::new("id").arg("-u").output().expect("id starts");
    if root.stdout == b"0\n" {
        let user = (20_000 + std::process::id() % 40_000).to_string();
        limited.args([
            "setpriv",
            "--reuid",
            &user,
            "--regid",
            &user,
            "--clear-groups",
        ]);
    }
    limited.arg(program);
    limited
}
