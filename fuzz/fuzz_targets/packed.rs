//! Packed collections. Writing an accepted collection gives the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurogain::data::pack;

fuzz_target!(|bytes: &[u8]| {
    let path = neurogain_fuzz::file("packed", bytes);
    let names = pack::read_names(&path);
    if let Ok(collection) = pack::read(&path) {
        assert_eq!(names.as_ref(), Ok(&collection.names));
        let again = path.with_extension("again");
        let _ = std::fs::remove_file(&again);
        pack::write(&again, &collection).expect("it was read");
        assert_eq!(std::fs::read(&again).expect("written"), bytes);
    }
});
