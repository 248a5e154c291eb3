"""Prints the speed of Hugging Face's tokenizers, one thread, and a digest of
the ids, to set beside `go test -bench Encode ./internal/tokenizer`.

    pip install tokenizers==0.22.2
    python tools/golden/tokenizer_bench.py DIR TEXT FAMILY...

DIR holds FAMILY.tokenizer.json.gz; TEXT is cut into pieces of 8,000 bytes,
the file repeated up to 10 MB, as the benchmark does with TOKENIZER_BENCH_TEXT.
"""

import array
import gzip
import hashlib
import os
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402


def main():
    folder, text, *families = sys.argv[1:]
    data = Path(text).read_bytes()
    data *= (10 << 20) // len(data) + 1
    pieces = [data[i : i + 8000].decode("utf-8", "ignore") for i in range(0, len(data), 8000)]
    size = sum(len(p.encode()) for p in pieces)
    for family in families:
        tok = Tokenizer.from_str(gzip.decompress((Path(folder) / f"{family}.tokenizer.json.gz").read_bytes()).decode())
        start = time.process_time()
        rows = tok.encode_batch_fast(pieces, add_special_tokens=False)
        took = time.process_time() - start
        digest = hashlib.sha256()
        for row in rows:
            digest.update(array.array("i", row.ids).tobytes())
        print(f"{family:14} {size / took / 1e6:8.2f} MB/s  ids {digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
