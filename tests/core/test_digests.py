import hashlib
import subprocess
import sys
from pathlib import Path

from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
WRITE = """
import sys
import torch
from pathlib import Path
from safetensors.torch import save_file
from core.digests import order_header
path = Path(sys.argv[1])
save_file({"b": torch.ones(3), "a": torch.zeros(2)}, path, {f"name{i}": "\\u2028 \\u0001 도서관" for i in range(9)})
order_header(path)
"""


def test_the_same_tensors_are_the_same_bytes_in_every_process(tmp_path):
    path, found = tmp_path / "x.safetensors", set()
    for _ in range(3):
        subprocess.run([sys.executable, "-c", WRITE, str(path)], cwd=ROOT, check=True)
        found.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(found) == 1
    with safe_open(path, "pt") as file:
        assert file.metadata() == {f"name{i}": "\u2028 \u0001 도서관" for i in range(9)}
        assert file.get_tensor("b").tolist() == [1, 1, 1]
