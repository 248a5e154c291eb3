"""Writes internal/hf/testdata: a file by the reference safetensors writer and
hand-made files with the reference reader's verdict on each.

    python tools/golden/formats.py
"""

import base64
import json
import struct
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file

OUT = Path(__file__).parents[2] / "internal/hf/testdata"


def write_types():
    torch.manual_seed(0)
    wide = torch.randn(3, 5)
    tensors = {
        "z.bool": wide > 0,
        "y.u8": torch.arange(7, dtype=torch.uint8),
        "x.i8": torch.arange(-3, 4, dtype=torch.int8),
        "w.i16": torch.arange(-1, 2, dtype=torch.int16),
        "v.f16": wide.half(),
        "u.bf16": wide.bfloat16(),
        "t.i32": torch.arange(-2, 3, dtype=torch.int32),
        "s.f32": wide,
        "r.f64": wide.double(),
        "q.i64": torch.arange(4, dtype=torch.int64),
        "b.scalar": torch.tensor(2.5),
        "a.empty": torch.zeros(0, 4),
        'name "quoted" \\ <é & 語>': torch.ones(1),
    }
    meta = {"format": "pt"}
    save_file(tensors, OUT / "types.safetensors", metadata=meta)
    values = {k: v.double().flatten().tolist() for k, v in tensors.items()}
    shapes = {k: list(v.shape) for k, v in tensors.items()}
    (OUT / "types.json").write_text(json.dumps({"values": values, "shapes": shapes}, indent=1) + "\n")


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def pack(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def cases():
    one = {"a": entry()}
    text = json.dumps(one)
    two = lambda a, b: {"a": entry(offsets=a), "b": entry(offsets=b)}
    yield "plain", pack(one)
    yield "padded", pack(text + "   ")
    yield "no tensors", pack("{}", b"")
    yield "metadata only", pack({"__metadata__": {"format": "pt"}}, b"")
    yield "empty file", b""
    yield "seven bytes", b"\0" * 7
    yield "length only", b"\2" + b"\0" * 7
    yield "zero header", pack("", b"")
    yield "truncated header", pack(text)[:30]
    yield "truncated data", pack(one)[:-1]
    yield "surplus data", pack(one, b"\0" * 9)
    yield "length of all ones", b"\xff" * 16
    yield "length above limit", pack(one, length=100_000_001)
    yield "length past the end", pack(one, length=2000)
    yield "length short by one", pack(one, length=len(text) - 1)
    yield "space first", pack(" " + text)
    yield "list", pack("[]", b"")
    yield "null", pack("null", b"")
    yield "text after", pack(text + " x")
    yield "two objects", pack(text + text)
    yield "not utf-8", pack(text.encode().replace(b'"a"', b'"\xff"'))
    yield "duplicate name", pack('{"a":%s,"a":%s}' % ((json.dumps(entry()),) * 2))
    yield "duplicate key", pack(text.replace('"dtype"', '"dtype": "F32", "dtype"'))
    yield "upper-case key", pack(text.replace('"dtype"', '"DTYPE"'))
    yield "no dtype", pack({"a": {"shape": [2], "data_offsets": [0, 8]}})
    yield "no shape", pack({"a": {"dtype": "F32", "data_offsets": [0, 8]}})
    yield "no offsets", pack({"a": {"dtype": "F32", "shape": [2]}})
    yield "null shape", pack(text.replace("[2]", "null"))
    yield "null entry", pack('{"a": null}', b"")
    yield "unknown dtype", pack({"a": entry("F31")})
    yield "lower-case dtype", pack({"a": entry("f32")})
    yield "negative dimension", pack({"a": entry(shape=(-2,))})
    yield "two negative dimensions", pack({"a": entry(shape=(-2, -1))})
    yield "fraction", pack(text.replace("[2]", "[2.0]"))
    yield "exponent", pack(text.replace("[2]", "[2e0]"))
    yield "string dimension", pack(text.replace("[2]", '["2"]'))
    yield "leading zero", pack(text.replace("[2]", "[02]"))
    yield "product overflows", pack({"a": entry(shape=(1 << 32, 1 << 32))})
    yield "product overflows to the right size", pack({"a": entry(shape=(1 << 61, 2, 2), offsets=(0, 0))}, b"")
    yield "dimension above int64", pack(text.replace("[2]", "[18446744073709551615]"))
    yield "dimension above uint64", pack(text.replace("[2]", "[18446744073709551616]"))
    yield "bytes overflow", pack({"a": entry(shape=((1 << 62) + 2,))})
    yield "zero dimension", pack({"a": entry(shape=(0, 5), offsets=(0, 0))}, b"")
    yield "zero times huge", pack({"a": entry(shape=(0, 1 << 40), offsets=(0, 0))}, b"")
    yield "scalar", pack({"a": entry(shape=(), offsets=(0, 4))}, b"\0" * 4)
    yield "shape too small", pack({"a": entry(shape=(1,))})
    yield "shape too large", pack({"a": entry(shape=(3,))})
    yield "offsets reversed", pack({"a": entry(offsets=(8, 0))})
    yield "offset negative", pack({"a": entry(offsets=(-8, 0))})
    yield "offset past the end", pack({"a": entry(offsets=(0, 16), shape=(4,))})
    yield "offset huge", pack({"a": entry(offsets=(1 << 62, (1 << 62) + 8))})
    yield "one offset", pack(text.replace("[0, 8]", "[0]"))
    yield "three offsets", pack(text.replace("[0, 8]", "[0, 8, 8]"))
    yield "hole at the start", pack({"a": entry(offsets=(4, 12))}, b"\0" * 12)
    yield "hole between", pack(two((0, 8), (12, 20)), b"\0" * 20)
    yield "overlap", pack(two((0, 8), (4, 12)), b"\0" * 12)
    yield "same bytes twice", pack(two((0, 8), (0, 8)))
    yield "out of order", pack(two((8, 16), (0, 8)), b"\0" * 16)
    yield "metadata of numbers", pack({"__metadata__": {"n": 1}, **one})
    yield "metadata list", pack({"__metadata__": [], **one})
    yield "metadata twice", pack('{"__metadata__":{},"__metadata__":{}}', b"")
    yield "deep", pack('{"a":' + "[" * 3000 + "]" * 3000 + "}", b"")
    yield "trailing comma", pack(text.replace("[2]", "[2,]"))
    yield "missing comma", pack(text.replace("[0, 8]", "[0 8]"))
    yield "missing colon", pack(text.replace('"dtype":', '"dtype"'))
    yield "comment", pack(text + "// end")
    yield "NaN", pack(text.replace("[2]", "[NaN]"))
    yield "byte order mark", pack(b"\xef\xbb\xbf" + text.encode())
    yield "surplus key", pack({"a": entry(note="x")})
    yield "many dimensions", pack({"a": entry(shape=(1,) * 65 + (2,))})
    yield "empty name", pack({"": entry()})
    yield "unaligned", pack({"a": entry()}, b"\0" * 8) if len(text) % 8 else pack(text + " ")
    yield "eight-bit float", pack({"a": entry("F8_E4M3", (8,))})


def verdict(data):
    try:
        safetensors.deserialize(data)
        return True
    except Exception:
        return False


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    write_types()
    rows = [{"name": n, "data": base64.b64encode(d).decode(), "ok": verdict(d)} for n, d in cases()]
    head = {"safetensors": safetensors.__version__, "command": "python tools/golden/formats.py", "cases": rows}
    (OUT / "cases.json").write_text(json.dumps(head, indent=1) + "\n")
    print(len(rows), "cases,", sum(r["ok"] for r in rows), "good:", [r["name"] for r in rows if r["ok"]])
