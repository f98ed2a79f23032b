"""Words by which the site's pages say what something is, in English and Spanish, to be compared folded."""

import re

from selectolax.lexbor import LexborNode

from scrapinsta_ray.instagram.html import folded

PRIVATE = ("this account is private", "esta cuenta es privada", "account is private", "cuenta privada")
VERIFIED = (
    "verified",
    "verificado",
    "verificada",
    "cuenta verificada",
    "verified account",
    "insignia de verificado",
)
SUGGESTED = (
    "suggested",
    "suggested for you",
    "suggestions",
    "suggestions for you",
    "suggested accounts",
    "sugerencias",
    "sugerencias para ti",
    "sugeridos",
    "sugeridos para ti",
    "sugerido para ti",
    "cuentas sugeridas",
    "perfiles sugeridos",
)
COUNTS = {
    "followers": r"followers?|seguidor(?:es|as?)?",
    "followings": r"following|followed|seguid[oa]s?|siguiendo",
    "posts": r"posts?|publicaci(?:ones|ón|o\u0301n|on)",
}

# Icons of a grid's tiles: their labels are sentences that change ("Icono de número de visualizaciones").
VIEWS = re.compile(r"\bviews?\b|\bplays?\b|visualizaci|reproducci|\bvistas\b")
PINNED = re.compile(r"\bpinned\b|\bfijad[oa]\b|\banclad[oa]\b|\bdestacad[oa]\b")
CAROUSEL = re.compile(r"^(?:carousel|album|carrusel|secuencia|álbum|galería)\b")
REEL = re.compile(r"^(?:clip|reels?)\b")
VIDEO = re.compile(r"^(?:video|vídeo|igtv)\b")
LIKES = re.compile(r"\blikes?\b|me gusta")
COMMENTS = re.compile(r"\bcomments?\b|comentario")


def icons(node: LexborNode) -> list[str]:
    """The labels of the icons in a node, folded."""
    return [label(svg) for svg in node.css("svg")]


def label(svg: LexborNode) -> str:
    """What an icon is called: its label, else its title."""
    title = svg.css_first("title")
    return folded(svg.attributes.get("aria-label") or (title.text() if title else ""))


def is_verified(node: LexborNode) -> bool:
    """Is there a badge in it?"""
    badges = (folded(one.attributes.get("title") or "") for one in node.css("span[title], div[title]"))
    return any(text in VERIFIED for text in (*icons(node), *badges))
