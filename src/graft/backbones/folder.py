"""A trained model on disk: its library's own files, graft.json, and inputs with their outputs."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypedDict

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graft.backbones.adapters import added, peft_folder
from graft.backbones.backbone import Backbone, Library, Model, evaluating
from graft.backbones.heads.head import attach_head, head_of
from graft.backbones.preprocess.preprocess import restore_preprocess
from graft.base import files, plugins, trees
from graft.base.errors import BackboneError, FolderError
from graft.base.job import Job
from graft.base.records import Batch
from graft.base.typed_json import Mismatch, check_type

SCHEMA = 3
TOLERANCE = 1e-4
"""The tolerance of outputs against those at saving, relative to the largest of them or to 1:
processors and library versions round differently, by far less. A language model's outputs are 20
and more, and so is what rounding does to them."""
CARD, PROBE = "graft.json", "probe.safetensors"
ADDITIONS = "head.safetensors"
"""What a head adds to a network that its library has no place for: see `Head.additions`."""
BASE, ADDED = "base", "added.safetensors"
"""Where the network lies, and what was added to its layers, if such layers stay in it. In a folder
of its own its library cannot open it by mistake without them."""
INPUTS = "inputs."
"""The prefix of the inputs of a probe; its other tensors are outputs."""


def save(
    model: Model,
    folder: str | Path,
    job: Job,
    classes: list[str],
    extra: dict[str, Any],
    probe: Batch,
    problem: str | None = None,
) -> None:
    """Write the model whole or not at all, in place of what `folder` held.

    `job` is what the network does, `problem` what that is to its library: see `Task.problem`.
    `extra` is kept in graft.json. The inputs of `probe` are kept with the outputs for them. Raises
    FolderError if the folder cannot be written.
    """
    extra = {"job": asdict(job), **extra}
    files.write_folder(
        Path(folder), lambda part: _fill(part, model, classes, extra, probe, problem)
    )


def open_model(folder: str | Path) -> tuple[Model, dict[str, Any]]:
    """The model in evaluation mode on the CPU, and what graft.json says.

    Raises FolderError where the folder is not a model's, a file of it has changed, or the model
    does not give the outputs it gave when it was saved.
    """
    folder = Path(folder)
    card = _verified_card(folder)
    library = plugins.load("source", card["source"])()
    try:
        backbone = library.open(str(network_folder(folder)), Job(**card["job"]), True)
    except (OSError, ValueError, RuntimeError) as error:
        raise FolderError(
            f"The model in {folder} cannot be read by {card['source']}: {error}"
        ) from error
    backbone.name, backbone.lr = card["name"], card["lr"]
    backbone = attach_head(card["head"], backbone, card["job"]["outputs"])
    if ADDITIONS in card["files"]:
        backbone.network.load_state_dict(load_file(folder / ADDITIONS), strict=False)
    if ADDED in card["files"]:
        _restore_added(backbone, folder, card["added"], pretrained=True)
    backbone.preprocess = restore_preprocess(backbone.preprocess, card["preprocess"])
    model = Model(backbone).eval()
    _prove(model, folder)
    return model, card


def network_folder(folder: Path) -> Path:
    """The folder in which the network of a model lies: its own, unless layers were added to it."""
    return folder / BASE if (folder / ADDED).is_file() else folder


def restore_added(backbone: Backbone, folder: Path, pretrained: bool) -> None:
    """Add the layers again that were added to the network in the folder, if any.

    Without `pretrained` they are as a technique begins with them. Raises FolderError.
    """
    if (folder / ADDED).is_file():
        _restore_added(backbone, folder, _verified_card(folder)["added"], pretrained)


def _restore_added(
    backbone: Backbone, folder: Path, records: list[dict[str, Any]], pretrained: bool
) -> None:
    for record in records:
        added.add(backbone, record["kind"], record["layers"])
    if pretrained:
        added.load(backbone, load_file(folder / ADDED))


def library_of(folder: str) -> type[Library]:
    """The source in whose form the folder is.

    Raises BackboneError where there is none or no folder.
    """
    path = network_folder(files.expand_home(folder))
    if not files.is_folder(path):
        raise BackboneError(
            f"There is no folder {folder!r}. Give the folder of "
            "a model that Graft, timm or transformers saved."
        )
    sources = [plugins.load("source", name) for name in plugins.names("source")]
    libraries = [source for source in sources if hasattr(source, "owns")]
    try:
        owners = [library for library in libraries if library().owns(str(path))]
    except ValueError as error:
        raise BackboneError(
            f"{path / 'config.json'} is not valid JSON: {error}. Use another copy of the folder."
        ) from error
    if owners:
        return owners[0]
    if config := peft_folder.describe(path):
        base = config.get("base_model_name_or_path")
        raise BackboneError(
            f"{folder} holds an adapter for {base} and no network. Use the folder model/ beside "
            "it, or open it by peft.PeftModel.from_pretrained."
        )
    if (path / "model" / CARD).exists():
        raise BackboneError(f"{folder} is a run. Use the model in it: {path / 'model'}")
    if (path / "spec.json").exists():
        raise BackboneError(
            f"{folder} is a run without a trained model. Finish it by graft resume {folder}, or "
            "give another one."
        )
    known = ", ".join(library.__name__.lower() for library in libraries)
    raise BackboneError(
        f"{folder} holds no model: its config.json is "
        f"missing or of none of these libraries: {known}."
    )


def _fill(
    part: Path,
    model: Model,
    classes: list[str],
    extra: dict[str, Any],
    probe: Batch,
    problem: str | None,
) -> None:
    backbone = model.backbone
    place = part / BASE if backbone.added else part
    place.mkdir(exist_ok=True)
    with added.without_added(backbone.network):
        saved = replace(backbone, network=head_of(backbone).detach(backbone))
        plugins.load("source", backbone.source)().save(saved, str(place), classes, problem)
        if additions := head_of(backbone).additions(backbone):
            save_file(additions, part / ADDITIONS)
    if backbone.added:
        save_file(added.tensors_of(backbone.network), part / ADDED)
    bare = Batch(probe.inputs, mask=probe.mask).map(lambda tensor: tensor.detach().cpu())
    tensors = trees.named_leaves(bare.inputs, "inputs") | _outputs(model, bare)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part / PROBE)
    card = {
        "schema": SCHEMA,
        "source": backbone.source,
        "name": backbone.name,
        "classes": list(classes),
        "lr": backbone.lr,
        "head": backbone.head_name,
        "preprocess": backbone.preprocess.settings(),
        "added": backbone.added,
        **extra,
        "files": {
            p.relative_to(part).as_posix(): files.sha256(p)
            for p in sorted(part.rglob("*"))
            if p.is_file()
        },
    }
    files.write_json(part / CARD, card | {"sha256": _digest(card)})


def _outputs(model: Model, batch: Batch) -> dict[str, Tensor]:
    """Map names to the tensors that the network returns, computed on the CPU in float32."""
    on_cpu = all(p.device.type == "cpu" and p.dtype == torch.float32 for p in model.parameters())
    model = model if on_cpu else copy.deepcopy(model).cpu().float()
    with evaluating(model), torch.no_grad():
        raw = model.backbone.compared(model(batch).raw)
    named = trees.named_leaves(raw if isinstance(raw, dict) else {"logits": raw})
    return {name: leaf.float() for name, leaf in named.items()}


class _Schema(TypedDict):
    """The entries of graft.json in every version of Graft."""

    schema: int


class _Card(_Schema):
    """The entries of graft.json; `sha256` proves that its values are unchanged since saving."""

    source: Any
    job: Any
    head: Any
    classes: Any
    files: Any
    sha256: Any


def _check_form(folder: Path, card: Any, form: type) -> None:
    try:
        check_type(card, form)
    except Mismatch as mismatch:
        raise FolderError(
            f"{folder / CARD} is not that of a model folder: "
            f"it {mismatch}. Use another copy of the folder."
        ) from mismatch


def read_card(folder: Path) -> dict[str, Any]:
    """Return graft.json of a model folder; raises FolderError where it is not as it was saved."""
    remedy = "Use another copy of the folder."
    card = files.read_json(folder / CARD, "a model folder of Graft", remedy)
    _check_form(folder, card, _Schema)
    if card["schema"] != SCHEMA:
        older = card["schema"] < SCHEMA
        raise FolderError(
            f"{folder} was saved by {'an older' if older else 'a newer'} Graft (schema "
            f"{card['schema']}; this one reads {SCHEMA}). "
            f"{'Train the model again.' if older else 'Update graft-learn.'}"
        )
    _check_form(folder, card, _Card)
    if card["sha256"] != _digest(card):
        raise FolderError(
            f"{folder / CARD} has changed since the model "
            "was saved. Use another copy of the folder."
        )
    return card


def _verified_card(folder: Path) -> dict[str, Any]:
    """Return graft.json; raises FolderError where a file of the folder has changed."""
    card = read_card(folder)
    for name, digest in card["files"].items():
        if not (folder / name).is_file():
            raise FolderError(f"{folder / name} is missing. Use another copy of the folder.")
        if files.sha256(folder / name) != digest:
            raise FolderError(
                f"{folder / name} has changed since the model "
                "was saved. Use another copy of the folder."
            )
    return card


def _digest(card: dict[str, Any]) -> str:
    """The SHA-256 of everything in graft.json but itself."""
    rest = {key: value for key, value in card.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()


def _prove(model: Model, folder: Path) -> None:
    try:
        probe = load_file(folder / PROBE)
    except (OSError, SafetensorError) as error:
        raise FolderError(f"{folder / PROBE} cannot be read: {error}.") from error
    given = {name: tensor for name, tensor in probe.items() if name.startswith(INPUTS)}
    expected = {name: tensor for name, tensor in probe.items() if name not in given}
    inputs = trees.nest({name.removeprefix(INPUTS): tensor for name, tensor in given.items()})
    outputs = _outputs(model, Batch(inputs, mask=model.backbone.preprocess.mask(inputs)))
    for name, tensor in expected.items():
        again, allowed = outputs.get(name), TOLERANCE * max(1.0, _largest(tensor))
        same_shape = again is not None and again.shape == tensor.shape
        apart = _largest(again - tensor) if same_shape else float("inf")
        if not apart <= allowed:
            raise FolderError(
                f"The model in {folder} no longer gives the outputs it was "
                f"saved with: they are {apart:.2g} apart, and {allowed:.2g} "
                "is allowed. Use the library versions it was saved with."
            )


def _largest(tensor: Tensor) -> float:
    """The largest absolute value, 0 if there is none."""
    return tensor.abs().max().item() if tensor.numel() else 0.0
