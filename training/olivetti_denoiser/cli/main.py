"""The command line: `denoiser train | evaluate | restore | demo | publish | …`, and no logic.

Exit codes: 0 done, 1 failed, 2 a wrong argument, 3 refused or stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from olivetti_denoiser import __version__
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli import ablation
from olivetti_denoiser.config import PRESETS, TrainingConfig
from olivetti_denoiser.errors import RunStoppedError

DONE, FAILED, WRONG_ARGUMENT, REFUSED = 0, 1, 2, 3
PLOT = "psnr_against_sigma.png"
SAID_EVERY = 5.0  # seconds between two lines of progress


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        arguments: the command line without the program's name; None takes `sys.argv`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.arguments = arguments
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return _complain("stopped; the same command goes on where it was", REFUSED)
    except ValueError as error:
        return _complain(error, WRONG_ARGUMENT)
    except (RuntimeError, OSError) as error:
        return _complain(error, REFUSED if isinstance(error, RunStoppedError) else FAILED)


def _train(options) -> int:
    config = _config(options)
    _for_training(options.distributed)
    from olivetti_denoiser.publish.release import write_model_folder
    from olivetti_denoiser.train.run import train

    with _quiet_output(options.json):
        trained = train(
            config,
            options.output,
            dataset=options.dataset,
            image_column=options.image_column,
            split=options.split,
            overwrite=options.overwrite,
            distributed=options.distributed,
        )
        if trained:
            print(f"Writing {write_model_folder(options.output, trained)}")
    if trained:
        _print_figures(trained.metrics, options.json)
    return DONE


def _config(options):
    """The settings that the options of `denoiser train` give."""
    given = given_options(options)
    return TrainingConfig.from_options(given, path=options.config, preset=options.preset)


def _evaluate(options) -> int:
    from olivetti_denoiser.data.faces import load_split
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import evaluate, warning
    from olivetti_denoiser.evaluate.plots import curves_of, psnr_against_sigma
    from olivetti_denoiser.publish.release import check_update, update_figures
    from olivetti_denoiser.train.run import others_if_there

    with _quiet_output(True):
        denoiser = Denoiser.from_pretrained(options.model)
        split = load_split(options.split, options.dataset)
        if options.also and not options.save:
            raise ValueError(f"--also needs --save. Received: --also {' '.join(options.also)}")
        if options.save:
            check_update(options.model, split)
        given = {}
        if options.peers:
            from olivetti_denoiser.evaluate.published import load_peers

            given["peers"] = load_peers(options.peers)
        if options.pictures:
            from olivetti_denoiser.data.test_images import read_photographs

            given["photographs"] = read_photographs(options.pictures)
        print(warning(options.model, split), end="")
        others = others_if_there(options.dataset, print, options.split)
        metrics = evaluate(denoiser, split, others, **given, say=print)
        if options.save:
            kept = update_figures(options.model, metrics, options.also)
            print(f"Keeping the figures in {kept}")
        plot = options.plot or (PLOT if options.peers and not options.save else None)
        if plot:
            psnr_against_sigma(curves_of(metrics), plot)
            print(f"PSNR against sigma: {plot}")
    _print_figures(metrics, options.json)
    return DONE


def _restore(options) -> int:
    from olivetti_denoiser.picture_files import read_picture
    from olivetti_denoiser.save_picture import check_ending, check_output, save_picture

    output = Path(options.output)
    check_ending(output)
    if output.exists() and not options.overwrite:
        raise ValueError(f"the output exists; --overwrite replaces it. Received: {output}")
    picture = read_picture(options.picture)
    notes = [*picture.notes, *picture.frames_note, *check_output(picture, output)]
    for note in notes:
        print(note, file=sys.stderr)
    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(options.model or bundled("model_card"))
    restored = denoiser(
        picture.whole,
        sigma=options.sigma,
        strength=options.strength,
        mirror=options.mirror,
        progress=_Progress("tiles"),
    )
    save_picture(restored, output, picture)
    print(output)
    return DONE


class _Progress:
    """Says on standard error how far the work is: in place on a terminal, else now and then."""

    def __init__(self, unit):
        self.unit, self.said = unit, time.monotonic()

    def __call__(self, done, total):
        text = f"{done} of {total} {self.unit}"
        if sys.stderr.isatty():
            print(f"\r{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif time.monotonic() - self.said >= SAID_EVERY:
            self.said = time.monotonic()
            print(text, file=sys.stderr, flush=True)


def _demo(options) -> int:
    import runpy

    for name in ("host", "port", "model", "revision"):
        value = getattr(options, name)
        if value is not None:
            os.environ[DEMO_VARIABLES[name]] = str(value)
    runpy.run_path(str(bundled("space") / "app.py"), run_name="__main__")
    return DONE


def _publish(options) -> int:
    from olivetti_denoiser.publish.publish import publish

    publish(
        options.folder,
        model=options.model,
        dataset=options.dataset,
        space=options.space,
        tag=options.tag,
        private=options.private,
        dry_run=options.dry_run,
        allow_regression=options.allow_regression,
    )
    return DONE


def _launch(options) -> int:
    from olivetti_denoiser.publish.job import launch

    train = _parser().parse_args(["train", *options.train])
    _config(train)  # what is wrong with the options is better known now than in the job
    if train.distributed:
        raise ValueError("a job is one machine, whose GPUs all take part. Received: --distributed")
    wishes = {name: getattr(options, name) for name in ("image", "source", "timeout")}
    return launch(
        options.train,
        flavor=options.flavor,
        publish=_publishing(options),
        config=train.config,
        **{name: value for name, value in wishes.items() if value},
    )


def _publishing(options):
    """The options of `denoiser publish` among those of `denoiser launch`."""
    names = ("model", "dataset", "space", "tag")
    given = [(f"--{name}", getattr(options, name)) for name in names if getattr(options, name)]
    flags = ("private", "allow_regression")
    given += [(f"--{name.replace('_', '-')}",) for name in flags if getattr(options, name)]
    if given and not options.model:
        raise ValueError(
            f"publishing needs --model OWNER/NAME. Received: {' '.join(given[0])} without it"
        )
    return [part for option in given for part in option]


def _summary(options) -> int:
    from olivetti_denoiser.publish.summary import summary

    print(summary(options.folder, options.released, options.note), end="")
    return DONE


def _addresses(options) -> int:
    from olivetti_denoiser.publish.summary import addresses

    print(addresses(_repositories(options)), end="")
    return DONE


def _credentials(options) -> int:
    from olivetti_denoiser.publish.credentials import find_credentials

    kind, why = find_credentials(_repositories(options))
    print(f"credentials={kind}\nwhy={why}")
    return DONE


def _repositories(options):
    kinds = ("model", "dataset", "space")
    return {kind: getattr(options, kind) for kind in kinds if getattr(options, kind)}


DEMO_VARIABLES = {
    "host": "GRADIO_SERVER_NAME",
    "port": "GRADIO_SERVER_PORT",
    "model": "MODEL_ID",
    "revision": "MODEL_REVISION",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message):
        self.exit(WRONG_ARGUMENT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="denoiser",
        description="Train, evaluate and use a Residual U-Net that removes Gaussian noise.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    train = _command(commands, "train", _train, "train a model and write its folder")
    train.add_argument(
        "--output", default="outputs/model", help="model folder to write (%(default)s)"
    )
    train.add_argument("--config", metavar="FILE", help="JSON file with any of the options below")
    train.add_argument(
        "--preset", choices=PRESETS, default="default", help="settings to start from (%(default)s)"
    )
    train.add_argument(
        "--dataset",
        metavar="OWNER/NAME|FOLDER",
        help="pictures to learn from: an image dataset on the Hub, or a folder (the faces)",
    )
    train.add_argument(
        "--image-column", metavar="NAME", help="the dataset's column of pictures (the only one)"
    )
    train.add_argument(
        "--split",
        metavar="NAME",
        help="the dataset's split to learn from (train, or the only one); of the faces: reference, "
        "which shares people between its parts, or subjects, which does not (reference)",
    )
    train.add_argument(
        "--overwrite", action="store_true", help="replace a finished model; start a run anew"
    )
    train.add_argument(
        "--distributed",
        action="store_true",
        help="train together with the other processes that srun, mpirun, Kubernetes or "
        "KERAS_DISTRIBUTION_* variables started; on JAX",
    )
    _add_json(train)
    add_config_options(train.add_argument_group("training options, over --config and --preset"))

    ablation.add_options(
        _command(commands, "ablation", ablation.run, "train the recipe with one change at a time")
    )

    evaluate = _command(commands, "evaluate", _evaluate, "measure a model on a split of the faces")
    evaluate.add_argument("model", help="model folder, or OWNER/NAME on the Hub")
    _add_dataset(evaluate)
    _add_split(evaluate)
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
    _add_json(evaluate)

    restore = _command(commands, "restore", _restore, "remove the noise of one picture")
    restore.add_argument("picture", help="picture file of any size")
    restore.add_argument("output", help="picture file to write, such as restored.png")
    restore.add_argument("--model", help="model folder, or OWNER/NAME (the bundled one)")
    restore.add_argument("--sigma", type=float, help="noise level from 0 to 1 (estimated)")
    restore.add_argument("--strength", type=float, default=1.0, help="0 untouched to 1 full")
    restore.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average with the mirror image or not (what the model does by itself)",
    )
    restore.add_argument("--overwrite", action="store_true", help="replace an existing output")

    demo = _command(commands, "demo", _demo, "open the demo page")
    demo.add_argument("--host", help="address to bind (127.0.0.1)")
    demo.add_argument("--port", type=int, help="port to bind (7860 or the next free one)")
    demo.add_argument("--model", metavar="OWNER/NAME", help="model on the Hub (the bundled one)")
    demo.add_argument("--revision", help="tag, branch or commit of that model")

    publish = _command(commands, "publish", _publish, "publish a model folder to the Hub")
    publish.add_argument("folder", help="model folder, such as model_card")
    publish.add_argument(
        "--model", metavar="OWNER/NAME", required=True, help="the model's repository"
    )
    publish.add_argument("--dataset", metavar="OWNER/NAME", help="publish the split there too")
    publish.add_argument("--space", metavar="OWNER/NAME", help="publish the demo there too")
    publish.add_argument("--dry-run", action="store_true", help="list every file and touch nothing")
    _add_release(publish)

    launch = _command(commands, "launch", _launch, "train and publish as a job of Hugging Face")
    launch.add_argument("--flavor", required=True, help="machine to rent, such as a10g-small")
    launch.add_argument("--image", help="Docker image with Python, pip and git (python:3.12)")
    launch.add_argument("--source", metavar="URL@TAG", help="code to train with (this release)")
    launch.add_argument("--timeout", help="longest time that the job may take, 90m or 6h (6h)")
    launch.add_argument("--model", metavar="OWNER/NAME", help="publish the model there")
    launch.add_argument("--dataset", metavar="OWNER/NAME", help="publish the split there too")
    launch.add_argument("--space", metavar="OWNER/NAME", help="publish the demo there too")
    _add_release(launch)
    launch.add_argument(
        "train", nargs="*", metavar="-- TRAIN OPTION", help="options of `denoiser train`, after --"
    )

    summary = _command(commands, "summary", _summary, "show a new model beside the released one")
    summary.add_argument("folder", help="model folder, such as outputs/model")
    summary.add_argument(
        "--released",
        metavar="MODEL",
        nargs="+",
        default=(),
        help="where the released model may be, folders or OWNER/NAME; the first found counts",
    )
    summary.add_argument("--note", metavar="TEXT", help="sentence to put at the end")

    addresses = _command(commands, "addresses", _addresses, "show what is published, and where")
    _add_repositories(addresses)

    credentials = _command(
        commands, "credentials", _credentials, "find out whether this machine may publish"
    )
    _add_repositories(credentials)
    return parser


def _command(commands, name, run, summary):
    command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    command.set_defaults(run=run)
    return command


def _add_dataset(command):
    command.add_argument(
        "--dataset", metavar="OWNER/NAME", help="published reference split (scikit-learn's faces)"
    )


def _add_split(command):
    command.add_argument(
        "--split", metavar="NAME", help="split of the faces: reference or subjects (reference)"
    )


def _add_release(command):
    command.add_argument("--tag", metavar="vX.Y.Z", help="tag of the model's commit")
    command.add_argument("--private", action="store_true", help="make new repositories private")
    command.add_argument(
        "--allow-regression", action="store_true", help="publish over a better model"
    )


def _add_repositories(command):
    for kind in ("model", "dataset", "space"):
        command.add_argument(f"--{kind}", metavar="OWNER/NAME", help=f"the {kind}'s repository")


def _add_json(command):
    command.add_argument("--json", action="store_true", help="print the figures as JSON")


def add_config_options(group: argparse._ArgumentGroup, without: Sequence[str] = ()) -> None:
    """Adds an option for each field of `TrainingConfig`, absent from the result unless given.

    Args:
        group: what to add them to.
        without: names of fields to leave out.
    """
    for option in fields(TrainingConfig):
        name, default = option.name, option.default
        if name in without:
            continue
        how = {"dest": name, "default": argparse.SUPPRESS}
        how["help"] = f"{option.metadata['help']} ({_shown(default)})"
        if isinstance(default, bool):
            how["action"] = argparse.BooleanOptionalAction
        elif isinstance(default, tuple):
            how |= {"type": _whole_numbers, "metavar": "N,N,…"}
        elif isinstance(default, str):
            how["metavar"] = "|".join(option.metadata["choices"])
        else:
            how |= {"type": _number, "metavar": "N" if isinstance(default, int) else "X"}
        group.add_argument(f"--{name.replace('_', '-')}", **how)


def given_options(options: argparse.Namespace) -> dict:
    """Returns {name: value} of the options of `add_config_options` that were given."""
    names = {option.name for option in fields(TrainingConfig)}
    return {name: value for name, value in vars(options).items() if name in names}


def _shown(default):
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def _number(text):
    """A number as JSON would have it, so that 3 stays whole; what it may be, the config says."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _whole_numbers(text):
    return tuple(int(part) for part in text.split(","))


_number.__name__, _whole_numbers.__name__ = "number", "list of whole numbers"


def _for_training(distributed):
    from olivetti_denoiser.backend import FOR_TRAINING, prepare_training

    prepare_training(("jax",) if distributed else FOR_TRAINING)


def _print_figures(metrics, as_json):
    if as_json:
        print(json.dumps(metrics))
        return
    from olivetti_denoiser.evaluate.measure import table

    print(table(metrics))


def _quiet_output(needed):
    """Sends what is printed meanwhile to standard error, so that standard output is the answer."""
    return contextlib.redirect_stdout(sys.stderr) if needed else contextlib.nullcontext()


def _complain(error, code):
    print(f"denoiser: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
