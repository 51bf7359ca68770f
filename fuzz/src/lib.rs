//! Shared by the fuzz targets: the parsers read files, so each input is written to one.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A folder of this process, in memory where the system has one for that.
pub fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| {
            match memory.is_dir() {
                true => TempDir::new_in(memory),
                false => TempDir::new(),
            }
            .expect("a temporary folder")
        });
        folder.path().to_path_buf()
    })
}

/// Writes `bytes` to the file `name` of [`folder`].
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(&path, bytes).expect("written");
    path
}
