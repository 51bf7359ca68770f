#!/usr/bin/env python3
"""Makes digits.bin from the UCI file optdigits.tes (README.md in this folder gives the layout).

usage: convert.py optdigits.tes[.gz] digits.bin
"""

import gzip
import pathlib
import sys
import zlib


def main(source: str, target: str) -> None:
    read = gzip.open if source.endswith(".gz") else open
    packed = bytearray()
    with read(source, "rt", encoding="ascii") as rows:
        for number, row in enumerate(rows, start=1):
            values = [int(value) for value in row.split(",")]
            *pixels, label = values
            if len(pixels) != 64 or not all(0 <= p <= 16 for p in pixels) or not 0 <= label <= 9:
                sys.exit(f"{source}: row {number} is not 64 pixels in 0..16 and a label in 0..9")
            packed += bytes([*pixels, label])
    pathlib.Path(target).write_bytes(packed)
    print(f"{len(packed) // 65} rows, {len(packed)} bytes, CRC-32 {zlib.crc32(packed):08x}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
