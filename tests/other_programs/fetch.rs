//! `data/fetch.sh`, with local files in place of the data sets' servers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/fetch.sh");

/// MNIST's files, and the checksums that the script pins for them.
const MNIST: [(&str, &str); 4] = [
    (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
];
const CIFAR_100: [(&str, &str); 2] = [
    (
        "train.bin",
        "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
    ),
    (
        "test.bin",
        "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
    ),
];
const ARCHIVE: (&str, &str) = (
    "cifar-100-binary.tar.gz",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
);

/// A mirror with small files, and a copy of the script that pins their checksums.
struct Mirror {
    folder: TempDir,
    script: String,
}

impl Mirror {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mirror")).unwrap();
        let script = fs::read_to_string(SCRIPT).unwrap();
        let mut mirror = Mirror { folder, script };
        for (name, pinned) in MNIST {
            let bytes = name.repeat(1000).into_bytes();
            fs::write(mirror.file(name), &bytes).unwrap();
            mirror.pin(pinned, &bytes);
        }
        mirror
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("mirror").join(name)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data with a space")
    }

    fn pin(&mut self, published: &str, bytes: &[u8]) {
        assert!(self.script.contains(published), "{published} is not pinned");
        let digits = Sha256::digest(bytes);
        let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
        self.script = self.script.replace(published, &digits);
    }

    fn fetch(&self, names: &[&str]) -> Output {
        let script = self.folder.path().join("fetch.sh");
        fs::write(&script, &self.script).unwrap();
        let mirror = format!("file://{}", self.folder.path().join("mirror").display());
        let mut command = Command::new("sh");
        command.arg(script).arg(self.data()).args(names);
        command.env("NEUROGAIN_MIRROR", mirror).output().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, names: &[&str]) -> String {
        let output = self.fetch(names);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, names: &[&str], code: i32) -> String {
        let output = self.fetch(names);
        assert_eq!(output.status.code(), Some(code));
        String::from_utf8(output.stderr).unwrap()
    }
}

fn same(one: &Path, other: &Path) -> bool {
    fs::read(one).unwrap() == fs::read(other).unwrap()
}

/// A file that is present and right is not fetched again.
pub fn files_are_fetched_once() {
    let mirror = Mirror::new();
    mirror.succeeds(&[]);
    for (name, _) in MNIST {
        assert!(same(
            &mirror.data().join("mnist").join(name),
            &mirror.file(name)
        ));
        // If the files are present, no server is needed.
        fs::remove_file(mirror.file(name)).unwrap();
    }
    assert_eq!(
        mirror.succeeds(&["mnist"]).matches("there already").count(),
        4
    );
    assert_eq!(
        fs::read_dir(mirror.data().join("mnist")).unwrap().count(),
        4
    );
}

/// A file with a wrong checksum is removed, with a message, and fetched again next time.
pub fn a_wrong_checksum_is_refused_and_the_file_removed() {
    let mirror = Mirror::new();
    let (name, _) = MNIST[0];
    let right = fs::read(mirror.file(name)).unwrap();
    let mut wrong = right.clone();
    wrong[77] ^= 1;
    fs::write(mirror.file(name), wrong).unwrap();
    let complaint = mirror.fails(&["mnist"], 1);
    for part in [name, "wrong checksum, removed", "right is"] {
        assert!(complaint.contains(part), "{complaint}");
    }
    let folder = mirror.data().join("mnist");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::write(mirror.file(name), &right).unwrap();
    mirror.succeeds(&["mnist"]);

    // A damaged file that is already present is fetched again.
    fs::write(folder.join(name), b"damaged").unwrap();
    mirror.succeeds(&["mnist"]);
    assert!(same(&folder.join(name), &mirror.file(name)));
}

/// A partial download is continued, and a complete one only renamed.
pub fn a_download_that_was_cut_off_goes_on() {
    let mirror = Mirror::new();
    let folder = mirror.data().join("mnist");
    fs::create_dir_all(&folder).unwrap();
    let part = |name: &str| folder.join(format!("{name}.part"));
    // The server's first bytes are now wrong: only a resumed download gets a correct file.
    let (first, second) = (MNIST[0].0, MNIST[1].0);
    let bytes = fs::read(mirror.file(first)).unwrap();
    fs::write(part(first), &bytes[..500]).unwrap();
    let mut other = bytes.clone();
    other[..500].fill(0);
    fs::write(mirror.file(first), other).unwrap();
    // Also a complete download that was not yet renamed.
    fs::copy(mirror.file(second), part(second)).unwrap();
    mirror.succeeds(&["mnist"]);
    assert_eq!(fs::read(folder.join(first)).unwrap(), bytes);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
}

/// A partial file longer than the whole file cannot be its beginning: the download starts again.
pub fn a_download_that_cannot_go_on_begins_again() {
    let mirror = Mirror::new();
    let folder = mirror.data().join("mnist");
    fs::create_dir_all(&folder).unwrap();
    let first = MNIST[0].0;
    let bytes = fs::read(mirror.file(first)).unwrap();
    let longer = [&bytes[..], &[0; 500]].concat();
    fs::write(folder.join(format!("{first}.part")), longer).unwrap();
    mirror.succeeds(&["mnist"]);
    assert_eq!(fs::read(folder.join(first)).unwrap(), bytes);
}

/// A missing file and an unknown data set are named.
pub fn what_cannot_be_fetched_is_named() {
    let mirror = Mirror::new();
    fs::remove_file(mirror.file(MNIST[2].0)).unwrap();
    let complaint = mirror.fails(&["mnist"], 1);
    assert!(complaint.contains(MNIST[2].0), "{complaint}");
    let complaint = mirror.fails(&["mnist", "imagenet"], 2);
    assert!(
        complaint.contains("unknown data set imagenet"),
        "{complaint}"
    );
    assert!(complaint.contains("usage"), "{complaint}");
}

/// An archive is unpacked, its files are checked, and it is removed.
pub fn an_archive_is_unpacked_checked_and_removed() {
    let mut mirror = Mirror::new();
    let folder = mirror.folder.path().join("cifar-100-binary");
    fs::create_dir(&folder).unwrap();
    for (name, pinned) in CIFAR_100 {
        let bytes = name.repeat(3).into_bytes();
        fs::write(folder.join(name), &bytes).unwrap();
        mirror.pin(pinned, &bytes);
    }
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(mirror.file(ARCHIVE.0))
        .arg("-C")
        .arg(mirror.folder.path())
        .arg("cifar-100-binary")
        .status()
        .unwrap();
    assert!(packed.success());
    let bytes = fs::read(mirror.file(ARCHIVE.0)).unwrap();
    mirror.pin(ARCHIVE.1, &bytes);

    mirror.succeeds(&["cifar100"]);
    for (name, _) in CIFAR_100 {
        let unpacked = mirror.data().join("cifar-100-binary").join(name);
        assert!(same(&unpacked, &folder.join(name)));
    }
    assert!(!mirror.data().join(ARCHIVE.0).exists());
    fs::remove_file(mirror.file(ARCHIVE.0)).unwrap();
    assert!(mirror.succeeds(&["cifar100"]).contains("there already"));
}
