//! Whether a JPEG file is whole. The decoder reports no error for a missing part: it fills it with grey.

/// Whether `bytes` are a JPEG image up to the marker of its end (ITU T.81, annex B): every segment and every scan is
/// followed by another marker. What follows the end is not read.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    const START: u8 = 0xD8;
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    let mut rest = match bytes {
        [0xFF, START, rest @ ..] => rest,
        _ => return false,
    };
    loop {
        // Any number of bytes 0xFF, then the marker.
        let Some((marker, after)) = marker(rest) else {
            return false;
        };
        if marker == END {
            return true;
        }
        rest = after;
        // Markers without a segment.
        if matches!(marker, 0x01 | 0xD0..=0xD7) {
            continue;
        }
        let [high, low, ..] = *rest else { return false };
        let Some(after) = rest.get(usize::from(u16::from_be_bytes([high, low]))..) else {
            return false;
        };
        rest = match marker {
            SCAN => after_scan(after),
            _ => after,
        };
    }
}

/// The next marker and the bytes after it; other bytes before it are skipped, as decoders do.
fn marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut before = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if before == 0xFF && !matches!(byte, 0x00 | 0xFF) {
            return Some((byte, &bytes[at + 1..]));
        }
        before = byte;
    }
    None
}

/// The bytes from the marker on that ends the scan which begins here: 0xFF 0x00 is data, and restarts belong to the scan.
fn after_scan(bytes: &[u8]) -> &[u8] {
    let pairs = bytes.windows(2);
    let ends = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    let at = pairs.into_iter().position(ends);
    &bytes[at.unwrap_or(bytes.len())..]
}
