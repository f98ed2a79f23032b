"""Words and the rules that turn drawn numbers into usernames, full names and biographies."""

from collections.abc import Iterator, Sequence

import numpy as np

FIRST = tuple(
    "Lucía Sofía Martina Valeria Camila Daniela Carmen Paula Elena Julia Alba Noa Irene Marta Clara Inés "
    "Rocío Pilar Hugo Mateo Martín Lucas Leo Daniel Alejandro Manuel Pablo Álvaro Adrián Diego Javier Sergio "
    "Andrés Tomás Nicolás Iván Olivia Emma Ava Charlotte Amelia Mia Harper Evelyn Grace Chloe Ella Lily Zoe "
    "Hannah Liam Noah Oliver James Ethan Mason Logan Henry Jack Owen Wyatt Caleb Ryan Nathan Isaac Felix".split()
)
LAST = tuple(
    "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz "
    "Moreno Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Serrano Blanco "
    "Molina Castro Ortega Rubio Marín Sanz Iglesias Medina Cortés Castillo Santos Smith Johnson Brown Jones "
    "Miller Davis Wilson Taylor Clark Lewis Walker Hall Young King Wright Scott Green Baker Adams Nelson Hill "
    "Campbell Mitchell Roberts Carter Phillips Evans Turner Parker Collins".split()
)
TRADE = tuple(
    "café bakery studio fit travel foto yoga cocina moda arte books surf vintage design tattoo garden music "
    "runner skate dental legal mascotas barber nails ceramics wine vegan coach beauty dance".split()
)
CATEGORIES = (
    "Restaurant",
    "Photographer",
    "Digital creator",
    "Artist",
    "Clothing (Brand)",
    "Personal blog",
    "Health/beauty",
    "Fitness Trainer",
    "Entrepreneur",
    "Musician/band",
    "Education",
    "Local business",
    "Travel Company",
    "Café",
)
# Some of these hold the site's own alarm sentences or bits of HTML, to catch parsers that look for them anywhere.
BIOGRAPHIES = (
    "Coffee, light and slow mornings ☕",
    "Madrid · fotografía analógica\nEncargos por DM 📷",
    "Everyday recipes. 20 minutes, no fuss.",
    "Diseño, cerámica y gatos 🐈",
    "Marathon 3:12. Every day is a challenge 💪",
    "Aquí se viene a leer 📚 | reseñas cada lunes",
    "Mum of two. Coffee first.",
    "Hecho a mano en Valencia · envíos a toda España 🇪🇸",
    "This account is private about its recipes, public about its cakes 🍰",
    "Love. Travel. Repeat. ✈️ 34 countries",
    'They said "Try Again Later". I did. <b>Stronger</b> & happier.',
    "Entrenadora personal. ¿Aceptas el reto? Challenge accepted",
    "Sorry, this page isn't available... to haters 😜",
    "Estudio de yoga en el barrio de Gràcia 🧘",
    "Wedding & portrait photographer. Book 2027!",
    "Esta cuenta es privada de estrés y rica en salsa 💃",
    "Building things at 6 am.",
    "Plant-based • no palm oil • yes to chocolate </script> (a developer cooks)",
    "Música en directo los jueves 🎶",
    "Not a robot. Not suspended. Never say login_required 🤖",
    "",
)
CAPTIONS = (
    "Good morning ☀️",
    "Un domingo cualquiera.",
    "New in the shop! Link in bio 👆",
    "30 days challenge, day 12 🔥",
    "Detrás de las cámaras 🎬",
    'Sign in a bar: "Action Blocked" 😂',
    "¿Cuál te gusta más, 1 o 2?",
    "Thank you for 1.2M smiles",
    "Try again later, said the oven.",
    "",
    "Receta completa en comentarios 👇",
    "We restrict certain activity to protect our community... of cats",
)
_PLAIN = str.maketrans("áéíóúüñÁÉÍÓÚÜÑ", "aeiouunAEIOUUN")


def plain(text: str) -> str:
    """Lower case, no accents, only what Instagram allows in a username."""
    return "".join(c for c in text.translate(_PLAIN).lower() if c.isalnum() or c in "._")


_FIRST, _LAST, _TRADE = (tuple(map(plain, words)) for words in (FIRST, LAST, TRADE))
_PATTERNS = (
    "{first}.{last}",
    "{first}_{last}",
    "{first}{last}",
    "{first}.{trade}",
    "{trade}_{first}",
    "the.{trade}.{last}",
    "{first}_{last}_{trade}",
    "_{first}.{last}_",
)


def usernames(rng: np.random.Generator, first: Sequence[int], last: Sequence[int]) -> Iterator[str]:
    """One username per person, not yet made unique; half of them with a number."""
    patterns = rng.integers(0, len(_PATTERNS), len(first)).tolist()
    trades = rng.integers(0, len(_TRADE), len(first)).tolist()
    numbers = rng.integers(1, 2000, len(first)).tolist()
    for f, m, p, t, n in zip(first, last, patterns, trades, numbers, strict=True):
        name = _PATTERNS[p].format(first=_FIRST[f], last=_LAST[m], trade=_TRADE[t])
        yield f"{name}{n}" if n < 1000 else name


def unique(names: Iterator[str], taken: set[str]) -> list[str]:
    """The same names, those seen before told apart by a number; at most 30 characters, as on Instagram."""
    chosen = []
    for name in names:
        candidate, tries = name[:30].rstrip("."), 1
        while candidate in taken:
            tries += 1
            candidate = f"{name[:24]}_{tries}"
        taken.add(candidate)
        chosen.append(candidate)
    return chosen
