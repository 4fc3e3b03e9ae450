#!/usr/bin/python3
"""A second reader of the record stream, written from formats/FORMAT.md alone.

    tenread.py FILE...     prints each stream as JSON lines: the head, then every record

Exit status: 0 all sound; 3 a stream violates the format; 4 its writer aborted; 77 the modules
xxhash or zstandard are missing."""
import json
import struct
import sys

try:
    import xxhash
    import zstandard
except ImportError as e:
    print(e, file=sys.stderr)
    sys.exit(77)

HEAD, DATA, BULK, INDEX, END, ABORT = 1, 2, 3, 4, 5, 6
RAGGED = (1 << 64) - 1
MIB = 1 << 20
TYPES = {(1, 8), (1, 16), (1, 32), (1, 64), (2, 8), (2, 16), (2, 32), (2, 64),
         (3, 16), (3, 32), (3, 64), (4, 16), (5, 8)}


class Bad(Exception):
    pass


class Aborted(Exception):
    pass


def need(condition, message):
    if not condition:
        raise Bad(message)


def u32(b, at):
    return struct.unpack_from("<I", b, at)[0]


def u64(b, at):
    return struct.unpack_from("<Q", b, at)[0]


def hash64(b):
    return xxhash.xxh3_64_intdigest(b)


def align(n):
    return (n + 63) // 64 * 64


def name(b, most=255):
    need(1 <= len(b) <= most, "a name of a wrong length")
    try:
        s = b.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("a name that is not UTF-8")
    need(not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in s), "a name with control characters")
    return s


class Block:
    """Header, meta and payload of one block, all hashes verified."""

    def __init__(self, b, at):
        need(len(b) - at >= 64, "cut off in a header")
        h = b[at:at + 64]
        need(h[:4] == b"\xf1TEN", "no sync")
        need(u64(h, 56) == hash64(h[:56]), "header hash")
        need(h[5] == 1, "version")
        self.kind, flags = h[4], struct.unpack_from("<H", h, 6)[0]
        need(flags & 0xFF == 0, "low flags")
        need(1 <= self.kind <= 6 or self.kind >= 128, "kind")
        need(not any(h[49:56]), "reserved bytes")
        self.seq, self.first = u64(h, 8), u64(h, 16)
        self.records, nmeta, npayload = u32(h, 24), u32(h, 28), u64(h, 32)
        need(nmeta <= 16 * MIB and nmeta % 64 == 0, "meta length")
        need(npayload < 1 << 62 and npayload % 64 == 0, "payload length")
        need(12 <= h[48] <= 24, "chunk size")
        need(self.kind != DATA or npayload <= 64 * MIB, "DATA too large")
        need(len(b) - at - 64 >= nmeta + npayload, "cut off in a block")
        self.chunk, self.hash, self.at = 1 << h[48], h[56:64], at
        self.meta = b[at + 64:at + 64 + nmeta]
        self.payload = b[at + 64 + nmeta:at + 64 + nmeta + npayload]
        self.end = at + 64 + nmeta + npayload
        need(u64(h, 40) == (hash64(self.meta) if nmeta else 0), "meta hash")
        need(self.records == 1 if self.kind == BULK else
             self.records > 0 if self.kind == DATA else self.records == 0, "records")
        if self.kind in (HEAD, ABORT):
            need(npayload == 0, "payload of HEAD or ABORT")
        elif self.kind == END:
            need(nmeta == 0 and npayload == 64, "size of END")
        elif self.kind in (DATA, BULK, INDEX) or npayload:
            self.read_sections()

    def read_sections(self):
        need(len(self.meta) >= 8, "no sections")
        s, k = u32(self.meta, 0), u32(self.meta, 4)
        need(k == -(-len(self.payload) // self.chunk), "number of chunks")
        used = 8 + 32 * s + 8 * k
        need(used <= len(self.meta) and not any(self.meta[used:]), "meta padding")
        for i in range(k):
            part = self.payload[i * self.chunk:(i + 1) * self.chunk]
            need(u64(self.meta, 8 + 32 * s + 8 * i) == hash64(part), "chunk hash")
        self.sections, at = [], 0
        for i in range(s):
            sec = struct.unpack_from("<IBBBBQQQ", self.meta, 8 + 32 * i)
            field, role, codec, filt, zero, offset, stored, raw = sec
            need(role <= 2 and codec <= 1 and filt <= codec and zero == 0, "role, codec or filter")
            need(offset == at and stored <= len(self.payload) - at, "sections with gaps")
            at = align(at + stored)
            need(stored == raw if codec == 0 else 1 <= raw <= 64 * MIB, "raw length")
            if self.kind in (DATA, BULK, INDEX):
                need(not any(self.payload[offset + stored:at]), "payload padding")
            self.sections.append((field, role, codec, filt, self.payload[offset:offset + stored], raw))
        need(at == len(self.payload), "sections end early")


def decode(section, elem):
    """The raw bytes of a section."""
    _, _, codec, filt, stored, raw = section
    if codec == 0:
        return stored
    try:
        need(zstandard.get_frame_parameters(stored).content_size == raw, "content size")
        d = zstandard.ZstdDecompressor().decompressobj()
        out = d.decompress(stored)
        need(not d.unused_data and len(out) == raw, "not one frame")
    except zstandard.ZstdError as e:
        raise Bad(str(e))
    if filt and elem > 1:
        m = raw // elem
        back = bytearray(out)
        for j in range(elem):
            back[j:m * elem:elem] = out[j * m:(j + 1) * m]
        out = bytes(back)
    return out


def tags(meta):
    at = 0
    while at < len(meta):
        need(len(meta) - at >= 8, "tag cut off")
        tag, zero, n = struct.unpack_from("<HHI", meta, at)
        if tag == 0:
            need(not any(meta[at:]), "meta padding")
            return
        end = at + 8 + n
        need(zero == 0 and end + -n % 8 <= len(meta), "tag length")
        need(not any(meta[end:end + -n % 8]), "tag padding")
        yield tag, meta[at + 8:end]
        at = end + -n % 8


class Field:
    def __init__(self, v):
        need(len(v) >= 8, "field cut off")
        self.cls, self.bits, self.rank, zero = v[:4]
        n = u32(v, 4)
        need(zero == 0 and self.rank <= 8 and len(v) == 8 + 8 * self.rank + n, "field length")
        need((self.cls, self.bits) in TYPES, "type")
        self.dims = [u64(v, 8 + 8 * i) for i in range(self.rank)]
        self.name = name(v[8 + 8 * self.rank:])
        self.elem, self.fixed = self.bits // 8, 1
        for d in self.dims:
            need(d > 0, "dimension 0")
            self.fixed *= 1 if d == RAGGED else d
        need(self.fixed * self.elem < 1 << 62, "dimensions")
        self.ragged = self.dims.count(RAGGED)

    def key(self):
        return (self.name, self.cls, self.bits, self.dims)

    def shape(self, sizes):
        need(product(d for d in sizes if d) * self.fixed < 1 << 63, "sizes")
        sizes = iter(sizes)
        return [next(sizes) if d == RAGGED else d for d in self.dims]


class Head:
    def __init__(self, meta):
        self.kind, self.fields, self.kvs, self.provs, cost = None, [], {}, [], 0
        for tag, v in tags(meta):
            if tag == 0x8001:
                need(self.kind is None, "two kinds")
                self.kind = name(v, 63)
            elif tag == 0x8002:
                self.fields.append(Field(v))
            elif tag == 0x0003:
                need(len(v) >= 4 and u32(v, 0) <= len(v) - 4, "key length")
                k = name(v[4:4 + u32(v, 0)])
                need(k not in self.kvs and len(self.kvs) < 4096, "key twice, or too many")
                self.kvs[k] = v[4 + u32(v, 0):]
            elif tag == 0x0004:
                cost += 8 + len(v) + -len(v) % 8
                self.provs.append(self.provenance(v))
            else:
                need(not tag & 0x8000, "critical tag")
        need(self.kind and 1 <= len(self.fields) <= 65536, "no kind or fields")
        need(len({f.name for f in self.fields}) == len(self.fields), "field twice")
        need(cost <= MIB, "provenance too long")

    def provenance(self, v):
        need(len(v) >= 40 and xxhash.xxh3_128_digest(v[16:]) == v[:16], "provenance id")
        ident = v[:16].hex()
        need(ident not in self.provs, "provenance twice")
        parents, args, inputs, flags = struct.unpack_from("<IIII", v, 16)
        need(flags == 1 or (flags == 0 and u64(v, 32) == 0), "provenance flags")
        at = 40 + 16 * parents
        need(at <= len(v), "parents")
        for i in range(parents):
            need(v[40 + 16 * i:56 + 16 * i].hex() in self.provs, "unknown parent")

        def text(at):
            need(len(v) - at >= 4 and u32(v, at) <= len(v) - at - 4, "provenance text")
            end = at + 4 + u32(v, at)
            need(0 not in v[at + 4:end], "NUL in provenance")
            return end
        for _ in range(2):
            at = text(at)
        need(args <= len(v) and inputs <= len(v), "counts")
        for _ in range(args):
            at = text(at)
        for _ in range(inputs):
            need(len(v) - at >= 24, "input cut off")
            at = text(at + 24)
        need(at == len(v), "left over in provenance")
        return ident

    def line(self):
        return {"kind": self.kind,
                "fields": [[f.name, f.cls, f.bits, [-1 if d == RAGGED else d for d in f.dims]] for f in self.fields],
                "kvs": {k: v.hex() for k, v in self.kvs.items()}, "provenance": self.provs}


def product(numbers):
    p = 1
    for n in numbers:
        p *= n
    return p


def data_column(f, sections, records):
    """(dims, bytes) of each record of a field of a DATA block; takes its sections."""
    n = 1 + (f.ragged > 0) + (f.ragged > 1)
    mine = sections[:n]
    need([s[1] for s in mine] == list(range(n)), "sections of a field")
    values = decode(mine[0], f.elem)
    if f.ragged == 0:
        size = f.fixed * f.elem
        need(len(values) == records * size, "size of values")
        return [(f.shape([]), values[i * size:(i + 1) * size]) for i in range(records)]
    need(mine[1][5] == 4 * (records + 1), "size of offsets")
    off = struct.unpack("<%dI" % (records + 1), decode(mine[1], 4))
    need(off[0] == 0 and off[-1] * f.elem == len(values), "offsets")
    dims = None
    if f.ragged > 1:
        need(mine[2][5] == 8 * records * f.ragged, "size of dims")
        dims = struct.unpack("<%dQ" % (records * f.ragged), decode(mine[2], 8))
    out = []
    for i in range(records):
        count = off[i + 1] - off[i]
        need(count >= 0 and count % f.fixed == 0, "offsets")
        sizes = dims[i * f.ragged:(i + 1) * f.ragged] if dims else [count // f.fixed]
        need(product(sizes) * f.fixed == count, "dims")
        out.append((f.shape(sizes), values[off[i] * f.elem:off[i + 1] * f.elem]))
    return out


def bulk_value(f, sections):
    need([s[1] for s in sections] == ([0, 2] if f.ragged else [0]), "sections of a value")
    values, sizes = decode(sections[0], f.elem), ()
    if f.ragged:
        need(sections[1][5] == 8 * f.ragged, "size of dims")
        sizes = struct.unpack("<%dQ" % f.ragged, decode(sections[1], 8))
    need(product(sizes) * f.fixed * f.elem == len(values), "size of values")
    return f.shape(sizes), values


class Segment:
    def __init__(self, b, start, first_head):
        self.b, self.start, self.first_head = b, start, first_head
        self.records, self.bulk, self.entries = 0, [], []
        self.last_index, self.head, self.chain = 0, None, b""

    def read(self):
        """Yields records; self.end is where the segment ends."""
        at, seq = self.start, 0
        while True:
            k = Block(self.b, at)
            need((seq == 0) == (k.kind == HEAD), "HEAD must be first, and only there")
            need(k.seq == seq and k.first == self.records, "blocks in disorder")
            seq, self.chain = seq + 1, self.chain + k.hash
            if k.kind == HEAD:
                self.begin(k)
            elif k.kind == DATA:
                yield from self.data(k)
            elif k.kind == BULK:
                yield from self.value(k)
            elif k.kind == INDEX:
                self.index(k)
            elif k.kind == ABORT:
                raise Aborted({t: v for t, v in tags(k.meta)})
            elif k.kind == END:
                self.finish(k, seq)
                return
            at = k.end

    def begin(self, k):
        self.head = Head(k.meta)
        a, b = self.first_head, self.head
        if a:
            need(a.kind == b.kind and [f.key() for f in a.fields] == [f.key() for f in b.fields], "other schema")
            for key in ("tokenizer", "template"):
                need(a.kvs.get(key) == b.kvs.get(key), "another " + key)

    def data(self, k):
        need(not self.bulk, "an unfinished record")
        need(sum(s[5] for s in k.sections) <= 64 * MIB, "raw size")
        columns, left = [], k.sections
        for i, f in enumerate(self.head.fields):
            n = 1 + (f.ragged > 0) + (f.ragged > 1)
            need([s[0] for s in left[:n]] == [i] * n, "sections of the fields")
            columns.append(data_column(f, left, k.records))
            left = left[n:]
        need(not left, "too many sections")
        self.entries.append((k.at - self.start, self.records, k.records, RAGGED))
        self.records += k.records
        yield from zip(*columns)

    def value(self, k):
        i = len(self.bulk)
        need(k.sections and all(s[0] == i for s in k.sections), "order of the fields")
        self.bulk.append(bulk_value(self.head.fields[i], k.sections))
        self.entries.append((k.at - self.start, self.records, 1, i))
        if len(self.bulk) == len(self.head.fields):
            self.records += 1
            yield tuple(self.bulk)
            self.bulk = []

    def index(self, k):
        need(len(k.sections) == 1 and k.sections[0][:3] == (0, 0, 0), "sections of an index")
        v = k.sections[0][4]
        need(len(v) >= 16 and u64(v, 8) <= 65536 and len(v) == 16 + 32 * u64(v, 8), "size of an index")
        need(u64(v, 0) == self.last_index, "previous index")
        need([struct.unpack_from("<QQQQ", v, at) for at in range(16, len(v), 32)] == self.entries, "index")
        self.last_index, self.entries = k.at - self.start, []

    def finish(self, k, blocks):
        v = k.payload
        need(not self.bulk, "an unfinished record")
        need(v[48:56] == b"\xf1TENEND\n" and u64(v, 56) == hash64(v[:56]), "END hash")
        need(struct.unpack_from("<QQQQ", v, 0) ==
             (k.end - self.start, self.last_index, blocks, self.records), "numbers of END")
        need(not (self.last_index and self.entries), "incomplete index")
        need(v[32:48] == xxhash.xxh3_128_digest(self.chain), "hash over the headers")
        self.end = k.end


def read(b):
    """Yields the first head, then (head, record) for each record."""
    need(len(b) > 0, "empty")
    at, first = 0, None
    while at < len(b):
        s = Segment(b, at, first)
        records = s.read()
        for r in records:
            if first is None:
                first = s.head
                yield first, None
            yield first, r
        if first is None:
            first = s.head
            yield first, None
        at = s.end


def main():
    status = 0
    for path in sys.argv[1:]:
        try:
            with open(path, "rb") as f:
                for head, record in read(f.read()):
                    line = head.line() if record is None else {
                        f.name: {"dims": list(d), "bytes": v.hex()} for f, (d, v) in zip(head.fields, record)}
                    print(json.dumps(line, ensure_ascii=False))
        except Bad as e:
            print("tenread: %s: %s" % (path, e), file=sys.stderr)
            status = 3
        except Aborted as e:
            print("tenread: %s: aborted: %s" % (path, e), file=sys.stderr)
            status = 4
    return status


if __name__ == "__main__":
    sys.exit(main())
