//! Finds the data sets in a directory and checks whether their files are the published ones.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ImageShape, Place, TrainTest, celeba, cifar, collection, folder, mnist, pack};
use crate::error::{Error, Result};

// The SHA-256 of published files, in the order of a data set's `FILES`; for MNIST, of the gzipped file as published
// and of the unpacked file.
#[rustfmt::skip]
const MNIST: [[&str; 2]; 4] = [
    ["440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"],
    ["3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"],
    ["8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"],
    ["f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"],
];
#[rustfmt::skip]
const FASHION_MNIST: [[&str; 1]; 4] = [
    ["3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"],
    ["a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"],
    ["346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"],
    ["67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"],
];
const CIFAR_10: [[&str; 1]; 6] = [
    ["cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"],
    ["a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"],
    ["bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"],
    ["014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"],
    ["755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"],
    ["8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"],
];
const CIFAR_100: [[&str; 1]; 2] = [
    ["f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"],
    ["d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"],
];

/// The kind of labels that all data sets but CelebA have.
const CLASSES: &str = "classes";

/// The result for one data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The data set: "mnist", "fashion-mnist", "cifar10", "cifar100", "celeba", or the name of a collection of images.
    pub name: String,
    /// Every place searched, and the files found there.
    pub looked_in: Vec<String>,
    /// The contents of the first complete place, if there is one; an error if it cannot be read.
    pub contents: Option<Result<Contents>>,
}

/// A data set that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Training samples.
    pub training: usize,
    /// Test samples.
    pub test: usize,
    /// The shape of an image; `None` if images are resized when they are read.
    pub shape: Option<ImageShape>,
    /// The names of the classes in the order of their labels, or of the attributes.
    pub classes: Vec<String>,
    /// What `classes` names: "classes" or "attributes".
    pub kind: &'static str,
    /// The files.
    pub files: Vec<Identity>,
}

/// Whether a file is the published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Whether this checksum, or that of the unpacked contents of a gzipped file, is the published one.
    pub published: bool,
}

/// Looks in `directory` for every known data set and for every collection of images, reads those that it finds and
/// compares checksums.
///
/// The files of Fashion-MNIST have the same names as those of MNIST: see [`mnist::search_fashion`].
pub fn verify(directory: &Path) -> Vec<Finding> {
    let fashion = mnist::search_fashion(directory);
    let tens = cifar::search_10(directory);
    let hundreds = cifar::search_100(directory);
    let mut findings = vec![
        finding(
            "mnist",
            &mnist::CLASS_NAMES,
            &mnist::search(directory),
            &MNIST,
            mnist::load,
        ),
        finding(
            "fashion-mnist",
            &mnist::FASHION_CLASS_NAMES,
            &fashion,
            &FASHION_MNIST,
            mnist::load,
        ),
        finding(
            "cifar10",
            &cifar::CLASSES_10,
            &tens,
            &CIFAR_10,
            cifar::load_10,
        ),
        finding(
            "cifar100",
            &cifar::CLASSES_100,
            &hundreds,
            &CIFAR_100,
            cifar::load_100,
        ),
        celeba_finding(directory),
    ];
    // Those that presets use, so that their places are listed, and those that are there.
    let mut names = collection::names(directory);
    names.extend(["mini-imagenet", collection::TINY_IMAGENET].map(String::from));
    let names = names.into_iter();
    findings.extend(names.map(|name| collection_finding(name, directory)));
    findings
}

/// The first of the files of a data set in `directory` that is not the published one; `None` if all are.
///
/// # Errors
/// [`Error::File`] if files are missing or cannot be read.
pub(crate) fn other_file(set: KnownSet, directory: &Path) -> Result<Option<PathBuf>> {
    match set {
        KnownSet::Mnist => first_other(&mnist::search(directory), &MNIST),
        KnownSet::FashionMnist => first_other(&mnist::search_fashion(directory), &FASHION_MNIST),
        KnownSet::Cifar10 => first_other(&cifar::search_10(directory), &CIFAR_10),
        KnownSet::Cifar100 => first_other(&cifar::search_100(directory), &CIFAR_100),
    }
}

/// A data set whose files have published checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownSet {
    Mnist,
    FashionMnist,
    Cifar10,
    Cifar100,
}

fn first_other<const COUNT: usize, const KNOWN: usize>(
    places: &[Place<COUNT>],
    published: &[[&str; KNOWN]; COUNT],
) -> Result<Option<PathBuf>> {
    let Some(paths) = places.iter().find_map(Place::complete) else {
        return Ok(None);
    };
    for (path, published) in paths.iter().zip(published) {
        if !identify(path, published)?.published {
            return Ok(Some(path.to_path_buf()));
        }
    }
    Ok(None)
}

/// A collection of images. It is read completely, because its checksum or its decoders then detect damage; there are
/// no published checksums to compare with.
fn collection_finding(name: String, directory: &Path) -> Finding {
    let (found, looked_in) = collection::search(directory, &name);
    let contents = found.map(|place| {
        let (read, shape, files) = match &place {
            collection::Place::Packed(path) => {
                let read = pack::read(path)?;
                let shape = read.samples.train.shape();
                (read, Some(shape), vec![identify(path, &[])?])
            }
            collection::Place::Folder(path) => (folder::load(path, 1, 1)?, None, Vec::new()),
        };
        Ok(Contents {
            training: read.samples.train.len(),
            test: read.samples.test.len(),
            shape,
            classes: read.names,
            kind: CLASSES,
            files,
        })
    });
    Finding {
        name,
        looked_in,
        contents,
    }
}

/// CelebA. Every image is decoded, which takes minutes; there are no published checksums to compare with.
fn celeba_finding(directory: &Path) -> Finding {
    let places = celeba::search(directory);
    let found = places.iter().any(|place| place.complete().is_some());
    let contents = found.then(|| {
        let read = celeba::load(directory, 1, None)?;
        Ok(Contents {
            training: read.train.images.len(),
            test: read.test.images.len(),
            shape: None,
            classes: celeba::ATTRIBUTES.map(String::from).into(),
            kind: "attributes",
            files: Vec::new(),
        })
    });
    Finding {
        name: "celeba".into(),
        looked_in: places.iter().map(Place::to_string).collect(),
        contents,
    }
}

fn finding<const COUNT: usize, const KNOWN: usize>(
    name: &str,
    classes: &[&str],
    places: &[Place<COUNT>],
    published: &[[&str; KNOWN]; COUNT],
    load: fn(&Path) -> Result<TrainTest>,
) -> Finding {
    let complete = |place: &Place<COUNT>| {
        let paths = place.complete()?;
        Some(contents(&place.directory, classes, &paths, published, load))
    };
    Finding {
        name: name.into(),
        looked_in: places.iter().map(Place::to_string).collect(),
        contents: places.iter().find_map(complete),
    }
}

fn contents<const COUNT: usize, const KNOWN: usize>(
    directory: &Path,
    classes: &[&str],
    paths: &[&Path; COUNT],
    published: &[[&str; KNOWN]; COUNT],
    load: fn(&Path) -> Result<TrainTest>,
) -> Result<Contents> {
    let TrainTest { train, test } = load(directory)?;
    let identity = |(path, published): (&&Path, &[&str; KNOWN])| identify(path, published);
    let files = paths.iter().zip(published).map(identity);
    Ok(Contents {
        training: train.len(),
        test: test.len(),
        shape: Some(train.shape()),
        classes: classes.iter().map(ToString::to_string).collect(),
        kind: CLASSES,
        files: files.collect::<Result<_>>()?,
    })
}

fn identify(path: &Path, published: &[&str]) -> Result<Identity> {
    let refused = |error: io::Error| Error::file(path, "read", error);
    let open = || File::open(path).map(BufReader::new);
    let sha256 = open().and_then(hash).map_err(refused)?;
    let mut is_published = published.contains(&sha256.as_str());
    let mut start = Vec::new();
    open()
        .and_then(|file| file.take(2).read_to_end(&mut start))
        .map_err(refused)?;
    if !is_published && start == [0x1f, 0x8b] {
        let unpacked = open()
            .and_then(|file| hash(flate2::bufread::MultiGzDecoder::new(file)))
            .map_err(refused)?;
        is_published = published.contains(&unpacked.as_str());
    }
    Ok(Identity {
        path: path.to_path_buf(),
        sha256,
        published: is_published,
    })
}

/// SHA-256 of `contents`, in hexadecimal.
fn hash(mut contents: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match contents.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digits = hash.finalize();
    Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
}
