"""`denoiser evaluate`: measure a model on the faces, on photographs, on real noisy pictures.

denoiser evaluate                                      # the bundled model
denoiser evaluate outputs/model --save                 # and keep the metrics on its card
denoiser evaluate --peers peers --pictures BSD68       # beside pretrained denoisers
denoiser evaluate --pictures CBSD68 --crop 256 --every 4                      # in colour
denoiser evaluate model_card/colour --pairs PolyU --peers peers --save
denoiser evaluate --drawn 1000                         # gradients, charts, screenshots, night skies
"""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import Commands, add_command, add_json, print_metrics

# What an option is for: without any of these it would be ignored.
NEEDS = {"save": ("model",), "every": ("pictures",), "crop": ("pictures", "pairs")}
LEAST = {"every": 1, "crop": 0, "drawn": 1}


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "measure a model on the faces or on pictures"
    evaluate = add_command(commands, "evaluate", run, summary, extra="evaluate")
    add = evaluate.add_argument
    add("model", nargs="?", help="model folder, or OWNER/NAME on the Hub (the bundled one)")
    add(
        "--network",
        choices=("gray", "colour"),
        help="of a release with both (faces: gray; pictures in colour: chosen by their noise, with "
        "--save the one at the folder's root)",
    )
    add("--dataset", metavar="OWNER/NAME", help="published reference split (scikit-learn's faces)")
    add("--split", metavar="NAME", help="split of the faces: reference or subjects (reference)")
    add(
        "--peers",
        metavar="FOLDER",
        help="weights of FFDNet and DnCNN; adds these two, in colour FFDNet, and with the extra "
        "bm3d (its licence: no commercial use) BM3D or CBM3D",
    )
    add(
        "--pictures",
        metavar="FOLDER",
        help="photographs to measure on: a gray model sees them shrunk to 64×64, beside the faces; "
        "a colour model, or any with --crop, in colour and in their size",
    )
    add("--crop", type=int, metavar="PIXELS", help="side of the middle squares (0: whole pictures)")
    add("--every", type=int, metavar="N", help="the first of each N pictures, by name")
    add(
        "--pairs",
        metavar="FOLDER",
        help="real noisy pictures to measure on, named *_real.*, with clean ones, *_mean.*",
    )
    add(
        "--drawn",
        type=int,
        metavar="COUNT",
        help="drawn pictures of each kind to measure on, such as gradients and charts, in colour",
    )
    add("--save", action="store_true", help="keep the metrics in the model folder: card and plot")
    add_json(evaluate)


def run(options: argparse.Namespace) -> None:
    """Measure the model and print its tables."""
    check(options)
    from olivetti_denoiser.data.faces import load_split, split_checksum
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.publish.write import check_update, update_release

    model = options.model or bundled("model_card")
    with redirect_stdout(sys.stderr):  # standard output is for the tables
        denoiser = Denoiser.from_pretrained(model)
        own = options.network or next(iter(denoiser.networks))  # the one at the folder's root
        sized = own == "colour" or options.crop is not None
        in_colour = options.pairs or options.drawn or (options.pictures and sized)
        if options.network or options.save or not in_colour:
            denoiser = denoiser.only(own)
        if in_colour and (options.dataset or options.split):
            raise ValueError(
                "pictures in colour are measured without the faces; leave this out, or leave out "
                f"--pictures, --pairs and --drawn. Received: {options.dataset or options.split}"
            )
        if options.save and options.drawn and own != "colour":
            raise ValueError(
                "drawn pictures are kept with the network for colour; its folder is colour/. "
                f"Received: --drawn {options.drawn} --save for {model}"
            )
        if options.every and not in_colour:
            raise ValueError(
                "a gray model sees all pictures beside the faces; --crop takes them in their size. "
                f"Received: --every {options.every}"
            )
        split = None if in_colour else load_split(options.split, options.dataset)
        if options.save:
            check_update(model, split and split_checksum(split))
        if split is None:
            metrics = _measure_colour(options, denoiser)
        else:
            metrics = _measure_faces(options, model, denoiser, split)
        if options.save:
            print(f"Keeping the metrics in {update_release(model, metrics)}")
    print_metrics(metrics, options.json)


def check(options: argparse.Namespace) -> None:
    """Make sure that every option that is given has a use.

    Raises:
        ValueError: It has none, or its value is not possible.
    """
    for name, needed in NEEDS.items():
        given = getattr(options, name)
        if given not in (None, False) and not any(getattr(options, other) for other in needed):
            ways = " or ".join("the model folder" if n == "model" else f"--{n}" for n in needed)
            raise ValueError(f"--{name} needs {ways}. Received: --{name} alone")
    for name, least in LEAST.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"--{name} must be at least {least}. Received: --{name} {value}")


def _measure_faces(options, model, denoiser, split):
    """Measure on the faces, and on photographs as small gray pictures."""
    from olivetti_denoiser.data.faces import others_if_there
    from olivetti_denoiser.data.test_sets import read_photographs, standing_set
    from olivetti_denoiser.evaluate.drawn import measure_drawn
    from olivetti_denoiser.evaluate.measure import evaluate, warning
    from olivetti_denoiser.evaluate.measure_colour import evaluate_colour

    (network,) = denoiser.networks
    published = _published(options, 1) if network == "gray" else {}
    photographs = read_photographs(options.pictures) if options.pictures else None
    print(warning(model, split), end="")
    outside = others_if_there(options.dataset, options.split)
    metrics = evaluate(
        denoiser, split, outside, published=published, photographs=photographs, report=print
    )
    if network == "colour":  # the pictures that it is judged by
        published = _published(options, 3)
        found = evaluate_colour(denoiser, [standing_set()], published=published, report=print)
        metrics |= {"colour": found["colour"], "drawn": measure_drawn(denoiser)}
    return metrics


def _measure_colour(options, denoiser):
    """Measure on photographs in colour, and on real noisy pictures."""
    from olivetti_denoiser.data.test_sets import read_colour_set, read_pairs
    from olivetti_denoiser.evaluate.drawn import measure_drawn
    from olivetti_denoiser.evaluate.measure_colour import evaluate_colour

    crop, sets = options.crop or None, []
    if options.pictures:
        sets.append(read_colour_set(options.pictures, crop, options.every or 1))
    if options.pairs:
        sets.append(read_pairs(options.pairs, crop=crop))
    metrics = evaluate_colour(denoiser, sets, published=_published(options, 3), report=print)
    if options.drawn:
        print(f"Measuring drawn pictures ({options.drawn} of each kind)")
        metrics["drawn"] = measure_drawn(denoiser, count=options.drawn)
    return metrics


def _published(options, channels):
    from olivetti_denoiser.evaluate.published import published_denoisers

    return published_denoisers(options.peers, channels) if options.peers else {}
