"""What the pages say, in English and Spanish, and how they shorten numbers."""

from collections.abc import Mapping

LANGUAGES = ("en", "es")

ENGLISH = {
    "login": "Log in",
    "username": "Phone number, username, or email",
    "password": "Password",
    "wrong_password": "Sorry, your password was incorrect. Please double-check your password.",
    "home": "Home",
    "messages": "Messages",
    "profile": "Profile",
    "logout": "Log out",
    "posts": "posts",
    "followers": "followers",
    "following": "following",
    "Following": "Following",
    "follow": "Follow",
    "message": "Message",
    "Posts": "Posts",
    "Reels": "Reels",
    "verified": "Verified",
    "views": "View Count Icon",
    "pinned": "Pinned post icon",
    "clip": "Clip",
    "carousel": "Carousel",
    "likes": "likes",
    "comments": "comments",
    "no_posts": "No posts yet",
    "private": "This account is private",
    "private_more": "Follow to see their photos and videos.",
    "missing": "Sorry, this page isn't available.",
    "missing_more": "The link you followed may be broken, or the page may have been removed.",
    "back": "Go back to Instagram.",
    "suggested": "Suggested for you",
    "close": "Close",
    "ok": "OK",
    "send": "Send",
    "write": "Message...",
    "you_sent": "You sent",
    "no_requests": "{name} doesn't allow new message requests from everyone.",
    "no_strangers": "You can't message this account unless they follow you.",
    "failed": "Something went wrong. Please try again.",
    "suspended": "We suspended your account",
    "challenge": "Confirm it's you to log in",
    "title": "{full_name} (@{username}) • Instagram photos and videos",
}
SPANISH = {
    "login": "Iniciar sesión",
    "username": "Teléfono, usuario o correo electrónico",
    "password": "Contraseña",
    "wrong_password": "La contraseña no es correcta. Compruébala.",
    "home": "Inicio",
    "messages": "Mensajes",
    "profile": "Perfil",
    "logout": "Salir",
    "posts": "publicaciones",
    "followers": "seguidores",
    "following": "seguidos",
    "Following": "Seguidos",
    "follow": "Seguir",
    "message": "Enviar mensaje",
    "Posts": "Publicaciones",
    "Reels": "Reels",
    "verified": "Verificado",
    "views": "Icono de número de visualizaciones",
    "pinned": "Icono de publicación fijada",
    "clip": "Clip",
    "carousel": "Secuencia",
    "likes": "Me gusta",
    "comments": "comentarios",
    "no_posts": "Aún no hay publicaciones",
    "private": "Esta cuenta es privada",
    "private_more": "Síguela para ver sus fotos y vídeos.",
    "missing": "Esta página no está disponible.",
    "missing_more": "Es posible que el enlace que seleccionaste sea incorrecto o que se haya eliminado la página.",
    "back": "Volver a Instagram.",
    "suggested": "Sugerencias para ti",
    "close": "Cerrar",
    "ok": "Aceptar",
    "send": "Enviar",
    "write": "Enviar mensaje...",
    "you_sent": "Enviaste",
    "no_requests": "{name} no permite nuevas solicitudes de mensajes de todo el mundo.",
    "no_strangers": "No puedes enviar mensajes a esta cuenta a menos que te siga.",
    "failed": "Se produjo un error. Inténtalo de nuevo.",
    "suspended": "Suspendimos tu cuenta",
    "challenge": "Confirma que eres tú para iniciar sesión",
    "title": "{full_name} (@{username}) • Fotos y vídeos de Instagram",
}
TEXTS: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "es": SPANISH}


def language_of(asked: str | None, accepted: str | None) -> str:
    """?hl= first, then the first language of Accept-Language that the site speaks, else English."""
    for wish in [asked or "", *(accepted or "").split(",")]:
        short = wish.strip()[:2].lower()
        if short in LANGUAGES:
            return short
    return "en"


def exact(number: int, language: str) -> str:
    """1234567 -> "1,234,567" or "1.234.567"."""
    text = f"{number:,}"
    return text.replace(",", ".") if language == "es" else text


def shortened(number: int, language: str) -> str:
    """As a page shows it, always rounded down: 12345 -> "12.3K" or "12,3 mil" (with a no-break space)."""
    if number < 10_000:
        return exact(number, language)
    unit, size = (1, 1_000_000) if number >= 1_000_000 else (0, 1_000)
    tenths = number * 10 // size
    whole, rest = divmod(tenths, 10)
    decimals = f"{rest}" if rest and whole < 1_000 else ""
    if language == "es":
        return f"{whole}{',' + decimals if decimals else ''}\u00a0{('mil', 'M')[unit]}"
    return f"{whole}{'.' + decimals if decimals else ''}{'KM'[unit]}"
