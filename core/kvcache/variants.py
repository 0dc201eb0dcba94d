"""Caches of several models and precisions side by side in a workspace, so that switching makes none of them stale.

    caches/smollm2-135m-reader-bfloat16-1f3c9a2e/        manifest.json, cells.json, cell-....safetensors
    caches/smollm2-135m-plain-bfloat16-int8-77ab01c4/    ...

Their cells may be elsewhere, see ``core.kvcache.location``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ArtefactMissing, ArtefactStale
from core.kvcache.cell_file import Built
from core.kvcache.location import location_of, store_of
from core.kvcache.precision import chosen_precision
from core.kvcache.store import CacheStore
from core.models.bundle import reader_for
from core.models.device import choose_device, choose_dtype
from core.models.language_model import LanguageModel
from core.models.presets import find_preset
from core.said import said
from core.settings import Settings
from core.workspace import MANIFEST, Manifest, Workspace

KIND = "caches"


@dataclass(frozen=True)
class Variant:
    """The caches of one model and precision.

    Attributes:
        name: Name of the folder.
        folder: Where its manifest is.
        location: URL of its cells; empty when they are in the folder.
        manifest: None while it is not complete.
        bytes: Size of the cells that are there.
        reason: Why it cannot be used now; empty when it can.
    """

    name: str
    folder: Path
    location: str
    manifest: Manifest | None
    bytes: int
    reason: str

    def store(self) -> CacheStore:
        """Its cells."""
        return CacheStore(self.location or self.folder)


def variant_folder(ws: Workspace, lm: LanguageModel, precision: str) -> Path:
    """Where the caches of a model and precision belong; named for people, told apart by the model's fingerprint."""
    identity = lm.identity
    reader = "reader" if identity.adapter else "plain"
    stored = chosen_precision(precision, lm.dtype)
    return ws.folder(KIND) / _name(identity.name, reader, Built.by(lm).dtype, stored, identity.fingerprint)


def asked_for(settings: Settings, reader: bool | None = None) -> dict[str, Any]:
    """The model that caches are built for, as settings name it: what a manifest can be compared with unloaded.

    Args:
        settings: Model, number format and device.
        reader: With the reader adapter or plain; None follows the settings.
    """
    preset = find_preset(settings.model)
    wanted = preset.dtype if preset and settings.dtype == "auto" else settings.dtype
    adapted = reader_for(settings.model) is not None and (settings.reader if reader is None else reader)
    return {
        "model": settings.model,
        "reader": adapted,
        "dtype": choose_dtype(wanted, choose_device(settings.device)),
    }


def find_variant(variants: Sequence[Variant], asked: Mapping[str, Any], precision: str) -> Variant | None:
    """The finished caches of a model and precision; None where there are none, or where they are stale."""
    for variant in variants:
        params = variant.manifest.params if variant.manifest else {}
        fits = params.get("native") if precision == "auto" else params.get("precision") == precision
        if fits and not variant.reason and all(params.get(name) == value for name, value in asked.items()):
            return variant
    return None


def open_store(ws: Workspace, lm: LanguageModel, settings: Settings) -> CacheStore:
    """The caches of a workspace that belong to a model, in the precision of the settings.

    Raises:
        ArtefactMissing: There are none in this workspace.
        ArtefactStale: They were built by another model, or from other cells.
    """
    precision = chosen_precision(settings.cache_precision, lm.dtype)
    state = ws.state(KIND, {"model": lm.identity.fingerprint, "precision": precision})
    remedy = said("Run `python -m app cache{flags}` or open the Caches page.", flags=_flags(lm, settings))
    if state.status == "missing" or state.folder is None:
        why = said("The workspace {name!r} has no {kind} yet.", name=ws.name, kind=said(KIND))
        raise ArtefactMissing(why, remedy)
    if state.status == "stale":
        reason = said(state.reason)
        why = said("The {kind} in {name!r} cannot be used: {reason}.", kind=said(KIND), name=ws.name, reason=reason)
        raise ArtefactStale(why, remedy)
    return store_of(state.folder)


def list_variants(ws: Workspace) -> list[Variant]:
    """All caches of a workspace, finished or not, the newest first."""
    states = {state.folder: state for state in (ws.state_of(folder, KIND) for folder in ws.variants(KIND))}
    found = []
    for folder in sorted(path for path in ws.folder(KIND).glob("[!.]*") if path.is_dir()):
        location = location_of(folder)
        state = states.get(folder)
        size = sum(cell.bytes for cell in CacheStore(location or folder).states())
        reason = state.reason if state else "it is not complete"
        found.append(Variant(folder.name, folder, location, state.manifest if state else None, size, reason))
    return sorted(found, key=_changed, reverse=True)


def delete_variant(ws: Workspace, name: str) -> None:
    """Removes the caches of one model and precision, wherever they are.

    Raises:
        ArtefactMissing: There are none of that name.
        WorkspaceBusy: Something is being built.
    """
    with ws.lock():
        variant = next((variant for variant in list_variants(ws) if variant.name == name), None)
        if variant is None:
            raise ArtefactMissing(f"The workspace {ws.name!r} has no caches named {name!r}.", "Reload the page.")
        (variant.folder / MANIFEST).unlink(missing_ok=True)  # from here on nobody takes them for whole
        storage = variant.store().storage
        for file in storage.sizes():
            storage.delete(file)
        shutil.rmtree(variant.folder, ignore_errors=True)


def _name(model: str, reader: str, dtype: str, precision: str, fingerprint: str) -> str:
    plain_name = re.sub(r"[^\w.]+", "-", Path(model).name).strip("-.") or "model"
    parts = [plain_name, reader, dtype, *([precision] if precision != dtype else []), fingerprint[:8]]
    return "-".join(parts)


def _flags(lm: LanguageModel, settings: Settings) -> str:
    """What ``cache`` must be told to build for this model, beyond what the settings say."""
    return " --plain" if asked_for(settings)["reader"] and not lm.identity.adapter else ""


def _changed(variant: Variant) -> float:
    return max((path.stat().st_mtime for path in variant.folder.iterdir()), default=0.0)
