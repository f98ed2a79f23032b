"""What the site says, in its own words, and what each means: the table that `signals` looks up."""

from dataclasses import dataclass

from scrapinsta_ray.domain.models import Signal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. `reason` is a code for logs and operators; `retry_after_s` is what the site asked."""

    signal: Signal
    reason: str
    retry_after_s: float | None = None


OK = Verdict(Signal.OK, "ok")

THROTTLED = Verdict(Signal.COOLDOWN, "throttled")
BLOCKED = Verdict(Signal.COOLDOWN, "action_block")
LOGGED_OUT = Verdict(Signal.RELOGIN, "logged_out")
CHALLENGE = Verdict(Signal.HUMAN, "challenge")
CHECKPOINT = Verdict(Signal.HUMAN, "checkpoint")
TWO_FACTOR = Verdict(Signal.HUMAN, "two_factor")
SUSPENDED = Verdict(Signal.DEAD, "suspended")
NOT_FOUND = Verdict(Signal.NOT_FOUND, "not_found")
PRIVATE = Verdict(Signal.PRIVATE, "private")

# Beginnings of addresses, the more particular first: the second factor's page lies below the log-in's.
PATHS = (
    ("/accounts/login/two_factor", TWO_FACTOR),
    ("/accounts/login", Verdict(Signal.RELOGIN, "login_redirect")),
    ("/accounts/suspended", SUSPENDED),
    ("/accounts/disabled", SUSPENDED),
    ("/challenge", CHALLENGE),
    ("/checkpoint", CHECKPOINT),
    ("/auth_platform", CHALLENGE),
)

# The `message` (or error type) of a failed answer. Compared whole, except for the sentences.
MESSAGES = {
    "checkpoint_required": CHECKPOINT,
    "challenge_required": CHALLENGE,
    "two_factor_required": TWO_FACTOR,
    "feedback_required": BLOCKED,
    "login_required": LOGGED_OUT,
    "inactive user": SUSPENDED,
    "user_has_been_disabled": SUSPENDED,
    "user not found": NOT_FOUND,
    "not authorized to view user": PRIVATE,
}

SENTENCES = (
    ("please wait a few minutes", THROTTLED),
    ("espera unos minutos", THROTTLED),
    ("rate limit", THROTTLED),
    ("too many requests", THROTTLED),
)

# Texts of dialogs and alerts (their beginning, or a whole sentence in a short one), and of titles and h1 (the whole
# text, since a title also holds people's names).
TEXTS = (
    ("we restrict certain activity to protect our community", BLOCKED),
    ("restringimos determinada actividad para proteger a nuestra comunidad", BLOCKED),
    ("restringimos cierta actividad para proteger a nuestra comunidad", BLOCKED),
    ("try again later", BLOCKED),
    ("action blocked", BLOCKED),
    ("inténtalo de nuevo más tarde", BLOCKED),
    ("vuelve a intentarlo más tarde", BLOCKED),
    ("acción bloqueada", BLOCKED),
    ("please wait a few minutes", THROTTLED),
    ("please wait a few minutes before you try again", THROTTLED),
    ("espera unos minutos", THROTTLED),
    ("espera unos minutos antes de volver a intentarlo", THROTTLED),
    ("you've been logged out", LOGGED_OUT),
    ("se ha cerrado tu sesión", LOGGED_OUT),
    ("suspicious login attempt", CHALLENGE),
    ("we detected an unusual login attempt", CHALLENGE),
    ("help us confirm you own this account", CHALLENGE),
    ("help us confirm it's you", CHALLENGE),
    ("confirm it's you", CHALLENGE),
    ("confirm you're human", CHALLENGE),
    ("confirma que eres tú", CHALLENGE),
    ("confirma que eres una persona", CHALLENGE),
    ("your account has been disabled", SUSPENDED),
    ("we suspended your account", SUSPENDED),
    ("hemos suspendido tu cuenta", SUSPENDED),
    ("hemos inhabilitado tu cuenta", SUSPENDED),
    ("sorry, your password was incorrect", Verdict(Signal.HUMAN, "bad_password")),
    ("la contraseña no es correcta", Verdict(Signal.HUMAN, "bad_password")),
    ("tu contraseña no es correcta", Verdict(Signal.HUMAN, "bad_password")),
    ("sorry, this page isn't available", NOT_FOUND),
    ("esta página no está disponible", NOT_FOUND),
    ("this page isn't available", NOT_FOUND),
    ("page not found", NOT_FOUND),
    ("página no encontrada", NOT_FOUND),
    ("profile isn't available", NOT_FOUND),
    ("este perfil no está disponible", NOT_FOUND),
    ("page couldn't load", Verdict(Signal.RETRY, "page_failed")),
    ("sorry, something went wrong", Verdict(Signal.RETRY, "page_failed")),
    ("this account is private", PRIVATE),
    ("esta cuenta es privada", PRIVATE),
)
