//! The real data sets, in the directory that `NEUROGAIN_DATA` names.

use std::path::PathBuf;

use neurogain::data::{Dataset, cifar, mnist};

/// The directory of the data.
pub fn directory() -> Option<PathBuf> {
    let directory = std::env::var_os("NEUROGAIN_DATA");
    directory.filter(|name| !name.is_empty()).map(PathBuf::from)
}

/// MNIST has its known sizes and its first labels.
pub fn mnist() {
    let mnist = mnist::load(&directory().expect("a directory")).unwrap();
    let shape = |half: &Dataset| (half.len(), half.features());
    assert_eq!(shape(&mnist.train), (60_000, 784));
    assert_eq!(shape(&mnist.test), (10_000, 784));
    assert_eq!(mnist.train.labels()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(mnist.test.of_classes(&[0, 1]).len(), 2_115);
}

/// CIFAR-10 has its known sizes, and equally many images of each class.
pub fn cifar_10() {
    let cifar = cifar::load_10(&directory().expect("a directory")).unwrap();
    let each_class = |half: &Dataset| [0, 9].map(|class| half.of_classes(&[class]).len());
    assert_eq!((cifar.train.len(), cifar.test.len()), (50_000, 10_000));
    assert_eq!(each_class(&cifar.train), [5_000; 2]);
    assert_eq!(each_class(&cifar.test), [1_000; 2]);
}
