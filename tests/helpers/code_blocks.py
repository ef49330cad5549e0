"""The code blocks of a Markdown file, each with the words before it that say what it needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A code block, its language, and the text between it and the block or heading before."""

    language: str
    code: str
    before: str

    def needs(self) -> list[str]:
        """Return what `pip install` gets, as the block or the words before it say."""
        lines = re.findall(r"pip install ([^`\n]+)", self.before + self.code)
        return shlex.split(lines[-1]) if lines else []


def blocks(path: Path) -> list[Block]:
    """Return the code blocks of a file, in their order."""
    text, end, found = path.read_text(encoding="utf-8"), 0, []
    for match in BLOCK.finditer(text):
        before = text[end : match.start()]
        found.append(Block(match[1], match[2], before[before.rfind("\n## ") + 1 :]))
        end = match.end()
    return found
