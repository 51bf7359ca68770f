//! CRC-64/XZ.

/// The polynomial of ECMA-182, its bits reversed.
const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;

/// The remainder for each byte.
static TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= POLYNOMIAL;
            }
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

/// An incremental checksum: the remainder of the bytes' polynomial over GF(2), bits reversed, initialised with ones
/// and inverted at the end.
pub(super) struct Crc64(u64);

impl Crc64 {
    pub(super) fn new() -> Self {
        Crc64(u64::MAX)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let step = |rest: u64, &byte: &u8| (rest >> 8) ^ TABLE[usize::from(rest as u8 ^ byte)];
        self.0 = bytes.iter().fold(self.0, step);
    }

    pub(super) fn value(&self) -> u64 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRC algorithms, in one piece and in two.
    #[test]
    fn the_checksum_is_crc_64_xz() {
        for at in 0..9 {
            let mut checksum = Crc64::new();
            let (first, second) = b"123456789".split_at(at);
            checksum.update(first);
            checksum.update(second);
            assert_eq!(checksum.value(), 0x995d_c9bb_df19_39fa);
        }
    }
}
