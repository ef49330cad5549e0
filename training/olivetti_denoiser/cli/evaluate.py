"""`denoiser evaluate`: measure a model on the faces, on photographs, on real noisy pictures.

denoiser evaluate                                      # the bundled model
denoiser evaluate outputs/model --save                 # and keep the figures on its card
denoiser evaluate --peers peers --pictures BSD68       # beside pretrained denoisers
denoiser evaluate --pictures CBSD68 --crop 256 --every 4                      # in colour
denoiser evaluate model_card/colour --pairs PolyU --peers peers --save
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import (
    Commands,
    add_command,
    add_dataset,
    add_json,
    add_split,
    print_figures,
    quiet_output,
)

PLOT = "psnr_against_sigma.png"
PAIR_PATTERN = ("*_real.*", "*_mean.*")


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "measure a model on the faces or on pictures"
    evaluate = add_command(commands, "evaluate", run, summary, extra="evaluate")
    evaluate.add_argument(
        "model", nargs="?", help="model folder, or OWNER/NAME on the Hub (the bundled one)"
    )
    evaluate.add_argument(
        "--network",
        choices=("gray", "colour"),
        help="of a release with both (faces: gray; pictures in colour: chosen by their noise, with "
        "--save the one at the folder's root)",
    )
    add_dataset(evaluate)
    add_split(evaluate)
    evaluate.add_argument(
        "--peers",
        metavar="FOLDER",
        help="weights of FFDNet and DnCNN; adds these two, in colour FFDNet, and with the extra "
        "bm3d (its licence: no commercial use) BM3D or CBM3D",
    )
    evaluate.add_argument(
        "--pictures",
        metavar="FOLDER",
        help="photographs to measure on: a gray model sees them shrunk to 64×64, beside the faces; "
        "a colour model, or any with --crop, in colour and in their size",
    )
    evaluate.add_argument(
        "--crop", type=int, metavar="PIXELS", help="side of the middle squares (0: whole pictures)"
    )
    evaluate.add_argument(
        "--every", type=int, default=1, metavar="N", help="the first of each N pictures, by name"
    )
    evaluate.add_argument(
        "--pairs", metavar="FOLDER", help="real noisy pictures with clean ones, to measure on"
    )
    evaluate.add_argument(
        "--pair-pattern",
        nargs=2,
        metavar=("NOISY", "CLEAN"),
        help=f"names of the two of a pair ({' '.join(PAIR_PATTERN)})",
    )
    evaluate.add_argument(
        "--also",
        metavar="FOLDER",
        nargs="+",
        default=[],
        help="with --save: the recipe's models of other seeds or splits, to be put beside",
    )
    evaluate.add_argument(
        "--plot", metavar="PNG", help=f"draw PSNR against sigma (with --peers {PLOT})"
    )
    evaluate.add_argument(
        "--save", action="store_true", help="keep the figures in the model folder: card and plot"
    )
    add_json(evaluate)


def run(options: argparse.Namespace) -> None:
    """Measures the model and prints its tables."""
    if options.also and not options.save:
        raise ValueError(f"--also needs --save. Received: --also {' '.join(options.also)}")
    if options.save and not options.model:
        raise ValueError("--save needs the model folder to keep the figures in. Received: none")
    if options.every < 1 or (options.crop or 0) < 0:
        raise ValueError(
            "--every must be at least 1 and --crop at least 0. "
            f"Received: --every {options.every} --crop {options.crop}"
        )
    if options.every != 1 and not options.pictures:
        raise ValueError(f"--every needs --pictures to choose from. Received: {options.every}")
    if options.crop is not None and not (options.pictures or options.pairs):
        raise ValueError(f"--crop needs --pictures or --pairs. Received: {options.crop}")
    if options.pair_pattern and not options.pairs:
        raise ValueError(
            "--pair-pattern needs --pairs, the folder of the pictures. "
            f"Received: --pair-pattern {' '.join(options.pair_pattern)}"
        )
    if options.plot:
        if Path(options.plot).suffix.lower() != ".png":
            raise ValueError(f"a plot is written as .png. Received: --plot {options.plot}")
        if options.pairs and not options.pictures:
            raise ValueError(
                "--plot draws PSNR against sigma, which real pictures do not have; add --pictures. "
                f"Received: --plot {options.plot}"
            )
    from olivetti_denoiser.denoiser import Denoiser

    model = options.model or bundled("model_card")
    with quiet_output(True):
        denoiser = Denoiser.from_pretrained(model)
        own = options.network or next(iter(denoiser.networks))  # the one at the folder's root
        in_colour = options.pairs or (
            options.pictures and (own == "colour" or options.crop is not None)
        )
        if options.network or options.save or not in_colour:
            denoiser = denoiser.only(own)
        if options.every != 1 and not in_colour:
            raise ValueError(
                "a gray model sees all pictures beside the faces; --crop takes them in their size. "
                f"Received: --every {options.every}"
            )
        if in_colour:
            _refuse_what_is_about_faces(options)
        measure = _measure_colour if in_colour else _measure_faces
        metrics = measure(options, model, denoiser)
    print_figures(metrics, options.json)


def _refuse_what_is_about_faces(options):
    about = ("dataset", "split", "also")
    if given := [f"--{name}" for name in about if getattr(options, name)]:
        raise ValueError(
            "pictures in colour are measured without the faces; leave this out, or leave out "
            f"--pictures and --pairs. Received: {' '.join(given)}"
        )


def _measure_faces(options, model, denoiser):
    """Measures on the faces, and on photographs seen as they are."""
    from olivetti_denoiser.data.faces import load_split, others_if_there
    from olivetti_denoiser.evaluate.measure import evaluate, warning
    from olivetti_denoiser.evaluate.plots import psnr_against_sigma
    from olivetti_denoiser.publish.update import check_update, update_release

    split = load_split(options.split, options.dataset)
    if options.save:
        check_update(model, split)
    given = {}
    if options.peers and "gray" in denoiser.networks:
        from olivetti_denoiser.evaluate.published import published_denoisers

        given["published"] = published_denoisers(options.peers)
    if options.pictures:
        from olivetti_denoiser.data.test_images import read_photographs

        given["photographs"] = read_photographs(options.pictures)
    print(warning(model, split), end="")
    outside = others_if_there(options.dataset, print, options.split)
    metrics = evaluate(denoiser, split, outside, **given, say=print)
    if "colour" in denoiser.networks:
        metrics |= _standing_figures(options, denoiser)
    if options.save:
        print(f"Keeping the figures in {update_release(model, metrics, also=options.also)}")
    plot = options.plot or (PLOT if options.peers and not options.save else None)
    if plot:
        psnr_against_sigma(metrics["sigmas"]["methods"], plot)
        print(f"PSNR against sigma: {plot}")
    return metrics


def _standing_figures(options, denoiser):
    """The figures that a colour model is judged by."""
    from olivetti_denoiser.data.colour_images import standing_set
    from olivetti_denoiser.evaluate.colour import evaluate_colour

    found = evaluate_colour(
        denoiser, [standing_set()], published=_published_colour(options), say=print
    )
    return {"colour": found["colour"]}


def _measure_colour(options, model, denoiser):
    """Measures on photographs in colour, and on real noisy pictures."""
    from olivetti_denoiser.data.colour_images import read_colour_set, read_pairs
    from olivetti_denoiser.evaluate.colour import evaluate_colour
    from olivetti_denoiser.evaluate.colour_comparison import draw_photographs
    from olivetti_denoiser.evaluate.plots import psnr_of_colour
    from olivetti_denoiser.publish.update import check_release, update_release

    if options.save:
        check_release(model)
    crop, sets, pairs = options.crop or None, [], []
    if options.pictures:
        sets = [read_colour_set(options.pictures, crop, options.every)]
    if options.pairs:
        pairs = [read_pairs(options.pairs, *(options.pair_pattern or PAIR_PATTERN), crop)]
    metrics = evaluate_colour(
        denoiser, sets, pairs, published=_published_colour(options), say=print
    )
    if options.save:
        draw = partial(draw_photographs, denoiser) if "colour" in denoiser.networks else None
        print(f"Keeping the figures in {update_release(model, metrics, draw=draw)}")
    plot = options.plot or (PLOT if options.peers and not options.save else None)
    if plot and sets:
        psnr_of_colour(metrics["colour"], sets[0].name, plot)
        print(f"PSNR against sigma: {plot}")
    return metrics


def _published_colour(options):
    if not options.peers:
        return {}
    from olivetti_denoiser.evaluate.published import published_denoisers

    return published_denoisers(options.peers, planes=3)
