"""`denoiser evaluate`: measure a model on a split of the faces.

denoiser evaluate                                      # the bundled model
denoiser evaluate outputs/model --save                 # and keep the figures on its card
denoiser evaluate --peers peers --pictures BSD68       # beside pretrained denoisers
"""

from __future__ import annotations

import argparse

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


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "measure a model on a split of the faces"
    evaluate = add_command(commands, "evaluate", run, summary, extra="evaluate")
    evaluate.add_argument(
        "model", nargs="?", help="model folder, or OWNER/NAME on the Hub (the bundled one)"
    )
    add_dataset(evaluate)
    add_split(evaluate)
    evaluate.add_argument(
        "--peers", metavar="FOLDER", help="weights of FFDNet and DnCNN; adds these two and BM3D"
    )
    evaluate.add_argument(
        "--pictures", metavar="FOLDER", help="photographs to measure on too, shrunk to 64×64"
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
    from olivetti_denoiser.data.faces import load_split
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import evaluate, warning
    from olivetti_denoiser.evaluate.plots import psnr_against_sigma
    from olivetti_denoiser.publish.update import check_update, update_figures
    from olivetti_denoiser.train.run import others_if_there

    model = options.model or bundled("model_card")
    with quiet_output(True):
        denoiser = Denoiser.from_pretrained(model)
        split = load_split(options.split, options.dataset)
        if options.save:
            check_update(model, split)
        given = {}
        if options.peers:
            from olivetti_denoiser.evaluate.published import published_denoisers

            given["published"] = published_denoisers(options.peers)
        if options.pictures:
            from olivetti_denoiser.data.test_images import read_photographs

            given["photographs"] = read_photographs(options.pictures)
        print(warning(model, split), end="")
        others = others_if_there(options.dataset, print, options.split)
        metrics = evaluate(denoiser, split, others, **given, say=print)
        if options.save:
            kept = update_figures(model, metrics, options.also)
            print(f"Keeping the figures in {kept}")
        plot = options.plot or (PLOT if options.peers and not options.save else None)
        if plot:
            psnr_against_sigma(metrics["sigmas"]["methods"], plot)
            print(f"PSNR against sigma: {plot}")
    print_figures(metrics, options.json)
