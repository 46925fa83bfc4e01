# SPDX-License-Identifier: BSD-2-Clause
"""Pictures made on the spot (PNG without a library), so that the demo needs no binary files."""
import functools
import struct
import zlib

NAMES = ("mountain", "sea", "forest")
PALETTES = {"mountain": ((155, 190, 225), (90, 100, 125)), "sea": ((245, 205, 160), (40, 105, 150)),
            "forest": ((200, 225, 215), (45, 100, 70))}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ridge(x, width, layer):
    """Height of the layer's skyline at x, 0..1: a few triangles added up."""
    total, x = 0.0, x / width
    for n, weight in ((2, 0.5), (5, 0.3), (11, 0.2)):
        phase = (x * n + layer * 0.37 * n) % 1.0
        total += weight * (1 - abs(2 * phase - 1))
    return total


@functools.lru_cache(maxsize=16)
def png(name, width=640, height=320):
    """The bytes of a PNG for a name of NAMES, or None."""
    if name not in PALETTES:
        return None
    sky, ground = PALETTES[name]
    layers = 4
    lines = [[(0.35 + 0.13 * n + 0.25 * (1 - ridge(x, width, n))) * height for n in range(layers)]
             for x in range(width)]
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            depth = sum(y >= edge for edge in lines[x]) / layers
            rows += bytes(int(s + (g - s) * depth) for s, g in zip(sky, ground))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
