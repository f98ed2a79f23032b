"""The field ("rubro") of a profile, by keywords of its category and biography, with the words as evidence."""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scrapinsta_ray.errors import Misconfigured

IN_CATEGORY, IN_BIOGRAPHY = 3, 1
"""What a word is worth: the category was chosen from a list by the profile's owner."""


@dataclass(frozen=True, slots=True)
class Rubro:
    """A field and the words of the profile that speak for it, as the rules spell them, the strongest first."""

    name: str
    evidence: tuple[str, ...]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    en: list[str] = []
    es: list[str] = []
    words: list[str] = []  # of any language


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str
    rubros: list[_Words]


class Rules:
    """Keywords of fields. A word counts where it stands whole; case, accents and punctuation do not matter."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self._order = {name: place for place, name in enumerate(words)}
        self._names: dict[str, list[str]] = defaultdict(list)
        self._spelled: dict[str, str] = {}
        for name, of_name in words.items():
            for word in of_name:
                if folded := fold(word):
                    self._names[folded].append(name)
                    self._spelled.setdefault(folded, word)
        longest_first = sorted(self._names, key=lambda word: (-len(word), word))
        self._pattern = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?!\S)")

    def find(self, category: str | None, biography: str | None) -> Rubro | None:
        """The field with most words; the first of the rules if two have as many. None if no word is there."""
        worth: dict[str, int] = defaultdict(int)
        words: dict[str, dict[str, int]] = defaultdict(dict)
        for text, value in ((category, IN_CATEGORY), (biography, IN_BIOGRAPHY)):
            for word in dict.fromkeys(self._pattern.findall(fold(text or ""))):
                for name in self._names[word]:
                    worth[name] += value
                    words[name].setdefault(self._spelled[word], value)
        if not worth:
            return None
        best = min(worth, key=lambda name: (-worth[name], self._order[name]))
        return Rubro(best, tuple(sorted(words[best], key=lambda word: -words[best][word])))


def fold(text: str) -> str:
    """Lower-case words without accents, one blank between: `¡Fotógrafa & Diseño!` is `fotografa diseno`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", letters))


@cache
def load(own: Path | None = None) -> Rules:
    """The rules of the package, with those of the file `own` before them: words of a field, or whole new fields.

    Raises Misconfigured, saying what is wrong with the file.
    """
    words = _words(
        resources.files(__package__).joinpath("rubros.json").read_text(encoding="utf-8"), "rubros.json"
    )
    if own is None:
        return Rules(words)
    try:
        added = _words(own.read_text(encoding="utf-8"), str(own))
    except OSError as error:
        raise Misconfigured(f"The rubros file {own} cannot be read: {error.strerror}.") from None
    mine = {name: [*of_name, *words.get(name, [])] for name, of_name in added.items()}
    return Rules({**mine, **{name: of_name for name, of_name in words.items() if name not in mine}})


def _words(text: str, where: str) -> dict[str, list[str]]:
    try:
        read = _File.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise Misconfigured(f"{where} is no file of rubros: {error}") from None
    return {one.name: [*one.en, *one.es, *one.words] for one in read.rubros}
