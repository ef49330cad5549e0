"""Make and check every file of a publication before the Hub is touched.

>>> stage = Stage(Path("model_card"), {"model": "owner/olivetti-denoiser"}, work)
>>> print(stage.listing())
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.bundled import PACKAGE
from olivetti_denoiser.figures import gate_figure, read_metrics
from olivetti_denoiser.model_folder import (
    CARD,
    LEGACY_MODEL,
    METRICS,
    MODEL_FILES,
    NETWORK,
    RELEASED,
)
from olivetti_denoiser.publish import onnx_export
from olivetti_denoiser.publish.space_files import (
    AUTO,
    GRADIO,
    STATIC,
    example_faces,
    stage_space,
    stage_static_space,
)
from olivetti_denoiser.save_model import portable, save_file

if TYPE_CHECKING:
    from datasets import DatasetDict
    from huggingface_hub import DatasetCard

DATASET_TEMPLATE = PACKAGE / "templates" / "dataset_card.md"
NEEDED = (CARD, *MODEL_FILES, METRICS)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")


class Stage:
    """Every file that will be published, made and checked before anything is touched.

    Args:
        folder: The model folder.
        names: OWNER/NAME of each kind of repository that will be published.
        work: An empty folder for the files that have to be made.
        space_sdk: "gradio", "static", or "auto" for both, of which `choose_space` takes one.

    Raises:
        ValueError: something is missing or wrong.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], work: Path, space_sdk: str = GRADIO):
        self.names = names
        self.no_static = ""  # why there is no static Space to take
        self._spaces: dict[str, dict[str, Path]] = {}
        self.split = None
        self.files = {"model": stage_model(folder, names, work / "model")}
        metrics = read_metrics(folder)
        self.figure, split = gate_figure(metrics), metrics.get("split_checksum")
        if "space" in names and metrics.get("planes", 1) != 1:
            raise ValueError(
                "a Space is published with the gray model and brings the bundled colour model; "
                f"leave --space out. Received: --space {names['space']} with {folder}"
            )
        if "dataset" in names:
            _refuse_another_split(split)
        if "dataset" in names or "space" in names:
            self.split = _split(names.get("dataset"), split)
        if "dataset" in names:
            self.files["dataset"] = stage_dataset(self.split, names, work / "dataset")
        if "space" in names:
            self._stage_spaces(folder, work, space_sdk)
        for kind, files in self.files.items():
            _refuse_tokens(kind, files)

    def _stage_spaces(self, folder, work, sdk):
        model, faces = self.files["model"], example_faces(self.split, work / "faces")
        if sdk in (GRADIO, AUTO):
            self._spaces[GRADIO] = stage_space(model, faces, self.names, work / "space")
        if sdk in (STATIC, AUTO):
            try:
                self._spaces[STATIC] = stage_static_space(
                    folder, model, faces, self.names, work / "static"
                )
            except ValueError as error:
                if sdk == STATIC:
                    raise
                self.no_static = str(error)
        for files in self._spaces.values():
            _refuse_tokens("space", files)
        self.files["space"] = next(iter(self._spaces.values()))

    @property
    def space_kinds(self) -> list[str]:
        """The kinds of Spaces that can be published, best first."""
        return list(self._spaces)

    def choose_space(self, sdk: str) -> None:
        """Take the Space of this kind.

        Raises:
            ValueError: it is a static one, and could not be staged.
        """
        if sdk not in self._spaces:
            raise ValueError(self.no_static)
        self.files["space"] = self._spaces[sdk]

    def listing(self) -> str:
        """Return every file with its size, one line each, under its repository's name."""
        lines = []
        for kind, name in self.names.items():
            files = self.files[kind]
            sizes = {path: source.stat().st_size for path, source in files.items()}
            lines.append(f"{kind} {name}: {len(files)} files, {sum(sizes.values()):,} bytes")
            lines += [f"  {sizes[path]:>10,}  {path}" for path in sorted(files)]
            if kind == "space" and {GRADIO, STATIC} <= self._spaces.keys():
                count = len(self._spaces[STATIC])
                lines.append(f"  or, as a static Space: {count} files; the Hub decides which")
        return "\n".join(lines)


def _refuse_another_split(checksum: str | None) -> None:
    """Make sure that the dataset, which the card says the model was made with, is that one."""
    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM, split_name

    if checksum not in (None, SPLIT_CHECKSUM):
        raise ValueError(
            "the dataset that is published is the reference split, and the model was measured on "
            f"another; leave --dataset out. Received: a model of the "
            f"{split_name(checksum) or checksum[:12] + '…'} split"
        )


def _split(published: str | None, checksum: str | None) -> DatasetDict:
    """Return the model's split, from a published copy where the faces cannot be had.

    The Space shows its test faces, which the model must not have learned from.
    """
    from olivetti_denoiser.data.faces import load_split, reference_split, split_name
    from olivetti_denoiser.errors import FacesUnavailableError

    try:
        return load_split(split_name(checksum or ""))
    except FacesUnavailableError:
        if published is None:
            raise
        return reference_split(published)


def stage_model(folder: Path, names: Mapping[str, str], work: Path) -> dict[str, Path]:
    """Return the model repository's files and where they lie.

    The card is rendered anew, with the repositories' names in it, and `best_model.h5`, the format
    of the first client, is written from the weights, without the average over the mirror image,
    which that format cannot hold, and so are the ONNX files, which are checked against Keras. The
    rest is published as it is.

    Args:
        folder: The model folder.
        names: OWNER/NAME of each kind of repository.
        work: Where to write what has to be made.

    Raises:
        ValueError: the folder is not a whole model folder, its card shows a missing picture, or
            its ONNX files differ from Keras.
    """
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise ValueError(
            f"a folder to publish needs {', '.join(NEEDED)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
    if gate_figure(read_metrics(folder)) is None:
        raise ValueError(f"{METRICS} holds no PSNR to judge the model by. Received: {folder}")

    from olivetti_denoiser.denoiser import load_folder
    from olivetti_denoiser.model import without_mirror
    from olivetti_denoiser.publish.card import render_card

    files = {
        path.relative_to(folder).as_posix(): path
        for name in RELEASED
        for path in (folder / name, *sorted((folder / name).rglob("*")))
        if path.is_file()
    }
    work.mkdir(parents=True)
    card = render_card(folder, names["model"], names.get("dataset"))
    (work / CARD).write_text(card, encoding="utf-8")
    links = [first or second for first, second in PICTURE.findall(card)]
    if lost := [link for link in links if "://" not in link and link not in files]:
        raise ValueError(f"{CARD} shows pictures that are not there. Received: {', '.join(lost)}")
    model = load_folder(folder)
    if model.inputs[0].shape[-1] == 1:  # what opens that format knows gray pictures alone
        save_file(without_mirror(model), work / LEGACY_MODEL)  # it knows no flip
        files[LEGACY_MODEL] = work / LEGACY_MODEL
    onnx = onnx_export.write_onnx(model, work / onnx_export.FOLDER)
    onnx_export.check_onnx(model, work / onnx_export.FOLDER)
    files |= {f"{onnx_export.FOLDER}/{path.name}": path for path in onnx}
    network = portable((folder / NETWORK).read_text(encoding="utf-8"))  # of an older release, too
    (work / NETWORK).write_text(network, encoding="utf-8")
    return files | {CARD: work / CARD, NETWORK: work / NETWORK}


def stage_dataset(split: DatasetDict, names: Mapping[str, str], work: Path) -> dict[str, Path]:
    """Return the dataset repository's files: the card, and the parquet files as they will be.

    Args:
        split: The reference split.
        names: OWNER/NAME of each kind of repository.
        work: Where to write the files.
    """
    (work / "data").mkdir(parents=True)
    card = work / CARD
    card.write_text(str(dataset_card(split, names)), encoding="utf-8")
    files = {CARD: card}
    for name, part in split.items():
        path = f"data/{name}-00000-of-00001.parquet"  # as push_to_hub names a single file
        part.to_parquet(work / path)
        files[path] = work / path
    return files


def dataset_card(
    split: DatasetDict, names: Mapping[str, str], published: Mapping | None = None
) -> DatasetCard:
    """Render the dataset's card.

    Args:
        split: The reference split.
        names: OWNER/NAME of each kind of repository.
        published: Metadata of the card that is already there; `push_to_hub` keeps its
            description of the files in it, and so does the new card.

    Returns:
        A `huggingface_hub.DatasetCard`.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    from olivetti_denoiser.data.faces import SIGMA, split_checksum

    people = {name: set(part["subject"]) for name, part in split.items()}
    kept = {key: published[key] for key in ("dataset_info", "configs") if key in (published or {})}
    card = DatasetCard.from_template(
        DatasetCardData(
            pretty_name="Olivetti faces with Gaussian noise",
            license="other",
            license_name="att-cambridge-credit",
            license_link="https://cam-orl.co.uk/facedatabase.html",
            size_categories="n<1K",
            task_categories=["image-to-image"],
            tags=["denoising", "faces", "olivetti", "gaussian-noise"],
            **kept,
        ),
        template_path=str(DATASET_TEMPLATE),
        repo_id=names["dataset"],
        model_id=names.get("model"),
        train_count=len(split["train"]),
        test_count=len(split["test"]),
        sigma=SIGMA,
        checksum=split_checksum(split),
        test_subjects=len(people["test"]),
        shared_subjects=len(people["test"] & people["train"]),
    )
    return DatasetCard(str(card))  # once through the parser, so that writing it again is the same


def _refuse_tokens(kind: str, files: Mapping[str, Path]) -> None:
    from huggingface_hub import errors, get_token

    try:
        known = get_token()
    except errors.OIDCError as error:
        raise PermissionError(f"no token for HF_OIDC_RESOURCE: {hub.first_line(error)}") from None
    for path, source in files.items():
        content = source.read_bytes()
        if (known and known.encode() in content) or hub.TOKEN.search(content.decode("latin-1")):
            raise ValueError(f"a file to publish holds an access token. Received: {kind} {path}")
