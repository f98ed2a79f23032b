"""The console's words, in English and Spanish. English is in the pages themselves and names the Spanish here."""

import re
from dataclasses import dataclass
from functools import cache

LANGUAGES = ("en", "es")


@dataclass(frozen=True, slots=True)
class Say:
    """Speaks one language: `say("Queue")`, `say("{n} errors", n=3)`."""

    language: str

    def __call__(self, english: str, **values: object) -> str:
        text = SPANISH[english] if self.language == "es" else english
        return text.format(**values) if values else text

    def known(self, english: str) -> str:
        """A sentence of another room, in Spanish if we have it."""
        if self.language == "en":
            return english
        if english in SPANISH:
            return SPANISH[english]
        for said, spanish in SAID_ELSEWHERE.items():
            if found := _pattern(said).fullmatch(english):
                return spanish.format(**found.groupdict())
        return english

    def word(self, code: object) -> str:
        """A state, kind, signal or reason, as a person says it."""
        name = str(code)
        english, spanish = WORDS.get(name, (name.replace("_", " "), name.replace("_", " ")))
        return spanish if self.language == "es" else english


DONE = {
    "job_started": "The job has begun.",
    "job_cancel": "The job is cancelled.",
    "job_pause": "The job is paused.",
    "job_resume": "The job goes on.",
    "job_retry": "What failed is tried again.",
    "template_created": "The template is there.",
    "template_changed": "The new version is used from now on.",
    "template_retired": "The template is retired.",
    "suppression_added": "They are on the list.",
    "suppression_invalid": "They are on the list, but for what is no username.",
    "suppression_removed": "Taken off the list.",
    "suppression_kept": "This person asked not to be written to: only the operator may take that back.",
    "account_pause": "The account is paused.",
    "account_resume": "The account works again.",
    "account_solved": "The account works again.",
    "client_created": "The client is there.",
    "client_limits": "The limits are changed.",
    "client_suspended": "The client is suspended.",
    "client_resumed": "The client is active again.",
    "key_revoked": "The key is refused within seconds.",
}
"""What was done, by the word in the address."""

WORDS = {
    "queued": ("queued", "en cola"),
    "sent": ("in hand", "en curso"),
    "written": ("sent", "enviado"),
    "ok": ("ok", "bien"),
    "error": ("error", "error"),
    "cancelled": ("cancelled", "cancelado"),
    "pending": ("pending", "pendiente"),
    "running": ("running", "en marcha"),
    "done": ("done", "hecho"),
    "paused": ("paused", "en pausa"),
    "campaign": ("Campaign", "Campaña"),
    "fetch_followings": ("Followings", "Seguidos"),
    "analyze_profile": ("Profiles", "Perfiles"),
    "send_message": ("Messages", "Mensajes"),
    "active": ("active", "activa"),
    "resting": ("resting", "descansando"),
    "needs_human": ("needs a person", "necesita a una persona"),
    "dead": ("suspended by the site", "suspendida por el sitio"),
    "suspended": ("suspended", "suspendido"),
    "retired": ("retired", "retirada"),
    "ended": ("ended", "terminada"),
    "already_contacted": ("already written to", "ya contactados"),
    "cool_off": ("too soon for a second message", "demasiado pronto para otro mensaje"),
    "suppressed": ("do not want to be written to", "no quieren recibir mensajes"),
    "invalid": ("are no usernames", "no son nombres de usuario"),
    "duplicate": ("named twice, or have a message already", "repetidos, o ya tienen un mensaje"),
    "below_score": ("below the score", "por debajo de la puntuación"),
    "already_messaged": ("had been written to", "ya tenía un mensaje"),
    "dry_run": ("rehearsal", "ensayo"),
    "not_found": ("not found", "no existe"),
    "private": ("private", "privado"),
    "not_allowed": ("not allowed", "no permitido"),
    "opted_out": ("asked for it themselves", "lo pidió la persona"),
    "asked": ("asked", "pedido"),
    "complained": ("complained", "se quejó"),
    "other": ("other", "otro"),
    "lease_expired": ("nobody reported in time", "nadie informó a tiempo"),
    "layout_changed": ("unknown page layout", "página desconocida"),
    "rate_limited": ("too fast", "demasiado rápido"),
    "retry_later": ("passing fault", "fallo pasajero"),
    "cooldown": ("resting", "descanso"),
    "retry": ("passing fault", "fallo pasajero"),
    "relogin": ("logged out", "sesión cerrada"),
    "human": ("a person is needed", "hace falta una persona"),
    "unknown": ("unknown", "desconocido"),
    "gap": ("pause between actions", "pausa entre acciones"),
    "window": ("its hour is used up", "agotó su hora"),
    "hours": ("outside its hours", "fuera de su horario"),
    "resume": ("a person", "una persona"),
    "complete": ("complete", "completa"),
    "capped": ("the site shows only a part", "el sitio muestra solo una parte"),
    "soft_blocked": ("the site shows nothing", "el sitio no muestra nada"),
    "truncated": ("at the limit that was asked for", "en el límite pedido"),
    "image": ("image", "imagen"),
    "video": ("video", "vídeo"),
    "carousel": ("carousel", "carrusel"),
    "reel": ("reel", "reel"),
    "messages_per_hour": ("messages an hour", "mensajes por hora"),
    "messages_per_day": ("messages a day", "mensajes al día"),
    "pulls_per_minute": ("pulls a minute", "recogidas por minuto"),
    "results_per_minute": ("results a minute", "resultados por minuto"),
    "enqueues_per_minute": ("jobs a minute", "trabajos por minuto"),
    "unfinished_tasks": ("unfinished tasks", "tareas sin terminar"),
    "account": ("accounts", "cuentas"),
    "client": ("clients", "clientes"),
    "job": ("jobs", "trabajos"),
    "key": ("keys", "claves"),
    "person": ("people", "personas"),
    "suppression": ("do not write", "no escribir"),
    "template": ("templates", "plantillas"),
    "token": ("tokens", "fichas"),
    "delayed": ("queued", "en cola"),
    "given_back": ("given back by a worker that ended", "devuelta por un proceso que terminó"),
    "in_other_hands": ("another message to them is under way", "otro mensaje a esa persona está en camino"),
    "too_many_tasks": ("too many unfinished tasks", "demasiadas tareas sin terminar"),
    "budget_spent": ("the account's hour is used up", "la cuenta agotó su hora"),
    "session_lost": ("logged out", "sesión cerrada"),
    "account_suspended": ("suspended by the site", "suspendida por el sitio"),
    "rejected": ("can never succeed", "no puede salir bien"),
    "browser_gone": ("the browser died", "el navegador murió"),
    "browser_missing": ("no Chromium was found", "no hay Chromium"),
    "database_away": ("the database was away", "la base de datos no respondía"),
    "internal": ("a fault of ours", "un fallo nuestro"),
    "person_forgotten": ("asked to be forgotten", "pidió ser olvidada"),
    "template_not_found": ("the template is gone", "la plantilla ya no existe"),
    "template_retired": ("the template is retired", "la plantilla está retirada"),
    "cursor_stuck": ("the list does not go on", "la lista no avanza"),
    "reach": ("reach", "alcance"),
    "reach_score": ("points for reach", "puntos por alcance"),
    "engagement_score": ("points for engagement", "puntos por interacción"),
    "media_used": ("posts that count", "publicaciones que cuentan"),
    "view_rate": ("views per follower", "reproducciones por seguidor"),
    "usual_engagement": ("usual engagement at its size", "interacción habitual a su tamaño"),
    "usual_views": ("usual views at its size", "reproducciones habituales a su tamaño"),
    "consistency": ("how alike its posts do", "regularidad de sus publicaciones"),
    "posts_per_week": ("posts a week", "publicaciones por semana"),
    "activity": ("activity", "actividad"),
    "fresh_media": ("posts by weight of age", "publicaciones ponderadas por edad"),
    "coverage": ("share of counts that are known", "parte de las cifras que se conoce"),
    "followers_unknown": ("followers unknown", "seguidores desconocidos"),
    "no_media": ("no posts", "sin publicaciones"),
    "only_pinned": ("only pinned posts", "solo publicaciones fijadas"),
    "too_new": ("posts too new", "publicaciones demasiado recientes"),
    "counts_unknown": ("likes and views unknown", "me gusta y reproducciones desconocidos"),
    "absent": ("not in the answer", "no viene en la respuesta"),
    "null": ("empty in the answer", "viene vacío"),
    "malformed": ("unreadable", "ilegible"),
    "hidden": ("hidden by its owner", "oculto por su dueño"),
}
"""Words of the system -> (English, Spanish)."""


@cache
def _pattern(said: str) -> re.Pattern[str]:
    """What matches the sentence with anything in its fields."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(said)), re.DOTALL)


SAID_ELSEWHERE = {
    "The message has {n} characters; at most {most} are allowed.": (
        "El mensaje tiene {n} caracteres; se permiten {most} como máximo."
    ),
    "Unknown field {name}; known are {known}.": "El campo {name} no existe; existen {known}.",
    "{name} is not a username: it is empty.": "{name} no es un nombre de usuario: está vacío.",
    "{name} is not a username: it is longer than {most} characters.": (
        "{name} no es un nombre de usuario: tiene más de {most} caracteres."
    ),
    "{name} is not a username: only letters a-z, digits, dots and underscores may be in one.": (
        "{name} no es un nombre de usuario: solo puede tener letras a-z, cifras, puntos y guiones bajos."
    ),
    "{name} is not a username: a dot may not stand at either end nor next to another dot.": (
        "{name} no es un nombre de usuario: no puede tener un punto al principio, al final ni junto a otro."
    ),
    "{name} is an address on Instagram but not a profile's.": (
        "{name} es una dirección de Instagram, pero no de un perfil."
    ),
    "{text} is no whole number.": "{text} no es un número entero.",
    "{text} is no number.": "{text} no es un número.",
    "{id} is no id of a client: use up to 32 of a-z, 0-9 and dashes.": (
        "{id} no es un id de cliente: usa hasta 32 de a-z, 0-9 y guiones."
    ),
    "There is a client {id} already.": "Ya hay un cliente {id}.",
    "There was a client {id} already.": "Ya hubo un cliente {id}.",
    "{name} must be from 1 to {most}: to stop a client, suspend it.": (
        "{name} debe ser de 1 a {most}: para parar a un cliente, suspéndelo."
    ),
    "{name} has no browser now: it gets one with its next task.": (
        "{name} no tiene navegador ahora: tendrá uno con su próxima tarea."
    ),
    "{name} has no worker: `scrapinsta accounts list` says how it is.": (
        "{name} no tiene proceso: `scrapinsta accounts list` dice cómo está."
    ),
    "The worker of {name} does not answer.": "El proceso de {name} no responde.",
}
"""Sentences of other rooms with something in them -> Spanish."""

SPANISH = {
    "A new client": "Un cliente nuevo",
    "A new key": "Una clave nueva",
    "A new template": "Una plantilla nueva",
    "A person has solved the challenge": "Una persona ha resuelto la verificación",
    "About": "Acerca de",
    "About it": "Datos",
    "Account": "Cuenta",
    "Accounts": "Cuentas",
    "Add": "Añadir",
    "Add people": "Añadir personas",
    "All times are in UTC.": "Todas las horas son UTC.",
    "As it was last read": "Como se leyó por última vez",
    "As of {at} UTC.": "A las {at} UTC.",
    "At least {n}.": "Como mínimo {n}.",
    "At most {n}.": "Como máximo {n}.",
    "Attempts": "Intentos",
    "Audit log": "Registro",
    "Back": "Atrás",
    "Begins with": "Empieza por",
    "Begun": "Empezado",
    "Biography": "Biografía",
    "Field": "Rubro",
    "Confidence": "Confianza",
    "Browsers cannot be looked at from here.": "Desde aquí no se pueden ver los navegadores.",
    "By": "Por",
    "Campaign": "Campaña",
    "Cancel": "Cancelar",
    "Category": "Categoría",
    "Client": "Cliente",
    "Clients": "Clientes",
    "Comments": "Comentarios",
    "Cooling down until": "Descansa hasta",
    "Create": "Crear",
    "Database": "Base de datos",
    "Days until a second message; empty: never": "Días hasta un segundo mensaje; vacío: nunca",
    "Days until it ends; empty: never": "Días hasta que termina; vacío: nunca",
    "Details": "Detalles",
    "Dispatcher": "Repartidor",
    "Do not write": "No escribir",
    "Does now": "Hace ahora",
    "Download CSV": "Descargar CSV",
    "Ended": "Terminado",
    "Ended in 24 hours": "Terminadas en 24 horas",
    "Ends": "Termina",
    "Engagement": "Interacción",
    "Errors in 24 hours": "Errores en 24 horas",
    "Failures in a row": "Fallos seguidos",
    "Fields:": "Campos:",
    "Followers": "Seguidores",
    "Followers and engagement": "Seguidores e interacción",
    "Followers at least": "Seguidores como mínimo",
    "Followings": "Seguidos",
    "Give the template a name.": "Dale un nombre a la plantilla.",
    "History": "Historia",
    "How it is": "Cómo está",
    "How many": "Cuántos",
    "How many profiles have which score": "Cuántos perfiles tienen cada puntuación",
    "How many to look at": "Cuántos mirar",
    "Id: a-z, 0-9 and dashes": "Id: a-z, 0-9 y guiones",
    "In hand": "En curso",
    "It begins with si_ and comes from the operator. The session ends half an hour after its last use.": (
        "Empieza por si_ y la da el operador. La sesión termina media hora después de su último uso."
    ),
    "It gets no new task. What it has in hand it finishes.": (
        "No recibe tareas nuevas. Lo que tiene en curso lo termina."
    ),
    "It has no score yet.": "Aún no tiene puntuación.",
    "Job": "Trabajo",
    "Jobs": "Trabajos",
    "Key": "Clave",
    "Keys": "Claves",
    "Keys and limits": "Claves y límites",
    "Kind": "Tipo",
    "Last signal": "Última señal",
    "Last used": "Último uso",
    "Left in this hour": "Le queda esta hora",
    "Left out": "Quedan fuera",
    "Likes": "Me gusta",
    "Likes of its posts, from the oldest to the newest": (
        "Me gusta de sus publicaciones, de la más antigua a la más nueva"
    ),
    "Limits": "Límites",
    "Log-ins": "Inicios de sesión",
    "Look again": "Mirar otra vez",
    "Look at its browser now": "Ver su navegador ahora",
    "Lowest score (0 to 1)": "Puntuación mínima (0 a 1)",
    "Made": "Creada",
    "Make a key": "Crear una clave",
    "May": "Puede",
    "May begin": "Puede empezar",
    "Message": "Mensaje",
    "Messages": "Mensajes",
    "Messages a day": "Mensajes al día",
    "Messages an hour": "Mensajes por hora",
    "Messages are per sending account, and never more than 50 a day.": (
        "Los mensajes son por cuenta que envía, y nunca más de 50 al día."
    ),
    "Messages at most": "Mensajes como máximo",
    "Messages in 24 hours": "Mensajes en 24 horas",
    "Messages, by the day": "Mensajes por día",
    "More": "Más",
    "Name": "Nombre",
    "Name or category": "Nombre o categoría",
    "New campaign": "Campaña nueva",
    "No profile fits.": "Ningún perfil coincide.",
    "Nobody was left out.": "Nadie quedó fuera.",
    "Nobody wrote to this person.": "Nadie escribió a esta persona.",
    "Nobody.": "Nadie.",
    "Node": "Nodo",
    "None.": "Ninguna.",
    "Nothing failed.": "Nada falló.",
    "Nothing new is written with it.": "No se escribe nada nuevo con ella.",
    "Nothing yet.": "Aún nada.",
    "Nothing.": "Nada.",
    "Of those whom {target} is known to follow from earlier visits, {n} could be written to. "
    "The others are found on the way.": (
        "De los seguidos de {target} que se conocen de visitas anteriores, se podría escribir a {n}. "
        "Los demás se encuentran por el camino."
    ),
    "Of what": "De qué",
    "Older": "Anteriores",
    "Open jobs": "Trabajos abiertos",
    "Overview": "Resumen",
    "Pages": "Páginas",
    "Pages left": "Páginas que le quedan",
    "Pause": "Pausar",
    "Pause it": "Ponerla en pausa",
    "Person": "Persona",
    "Posts": "Publicaciones",
    "Preview": "Vista previa",
    "Profiles": "Perfiles",
    "Progress": "Avance",
    "Queue": "Cola",
    "Read": "Leído",
    "Reads left": "Lecturas que le quedan",
    "Reason": "Motivo",
    "Rehearsal: nothing is sent": "Ensayo: no se envía nada",
    "Remove": "Quitar",
    "Remove {name}": "Quitar a {name}",
    "Result": "Resultado",
    "Results": "Resultados",
    "Resume": "Reanudar",
    "Retire": "Retirar",
    "Retry what failed": "Reintentar lo que falló",
    "Revoke": "Revocar",
    "Revoke {name}": "Revocar {name}",
    "Save": "Guardar",
    "Save as a new version": "Guardar como versión nueva",
    "Schema": "Esquema",
    "Score": "Puntuación",
    "Scores": "Puntuaciones",
    "Sending account": "Cuenta que envía",
    "Show": "Mostrar",
    "Sign in": "Entrar",
    "Sign out": "Salir",
    "Since": "Desde",
    "Skip to the content": "Ir al contenido",
    "Slowness": "Lentitud",
    "Stage {n}": "Etapa {n}",
    "Start": "Empezar",
    "Status": "Estado",
    "Status {status}": "Estado {status}",
    "Suspend": "Suspender",
    "Tasks": "Tareas",
    "Tasks ended, by the hour": "Tareas terminadas por hora",
    "Template": "Plantilla",
    "Templates": "Plantillas",
    "Text": "Texto",
    "Text from now on": "Texto desde ahora",
    "That is too often: try again in {wait}.": "Es demasiado a menudo: prueba de nuevo en {wait}.",
    "The browser of {name}": "El navegador de {name}",
    "The first 20; all of them are in the CSV.": "Los 20 primeros; todos están en el CSV.",
    "The form": "El formulario",
    "The list": "La lista",
    "The list ended:": "Así terminó la lista:",
    "The message": "El mensaje",
    "The new key. It is shown once, here:": "La clave nueva. Se muestra una sola vez, aquí:",
    "The queue, by kind": "La cola por tipo",
    "The system": "El sistema",
    "There is no account yet: scrapinsta accounts add NAME.": (
        "Aún no hay cuentas: scrapinsta accounts add NOMBRE."
    ),
    "There is no such account.": "No existe esa cuenta.",
    "There is no such client.": "No existe ese cliente.",
    "There is no such job yet.": "Aún no hay un trabajo así.",
    "There is no such job.": "No existe ese trabajo.",
    "There is no such page.": "No existe esa página.",
    "There is no such profile.": "No existe ese perfil.",
    "There is no template yet.": "Aún no hay plantillas.",
    "This client is suspended: ask the operator.": "Este cliente está suspendido: pregunta al operador.",
    "This form is too old: go back, load the page again, and send it anew.": (
        "Este formulario es demasiado antiguo: vuelve, carga la página otra vez y envíalo de nuevo."
    ),
    "This key is not known, has expired or was revoked.": "Esta clave no se conoce, caducó o fue revocada.",
    "This is missing, or not as it should be.": "Falta, o no es como debe ser.",
    "This picture needs JavaScript.": "Esta imagen necesita JavaScript.",
    "To people by name": "A personas por su nombre",
    "To the best of those whom an account follows": "A los mejores de los seguidos de una cuenta",
    "To the overview": "Al resumen",
    "To those whom an earlier job found": "A quienes encontró un trabajo anterior",
    "To whom": "A quién",
    "Too few are known.": "Se conocen muy pocas.",
    "Too many wrong keys: wait a minute.": "Demasiadas claves erróneas: espera un minuto.",
    "Usernames": "Nombres de usuario",
    "Version": "Versión",
    "Views": "Vistas",
    "Waiting": "En espera",
    "What": "Qué",
    "What its browser shows now": "Lo que muestra su navegador ahora",
    "What the API can be asked": "Qué se le puede pedir a la API",
    "What to write": "Qué escribir",
    "What would happen now": "Qué pasaría ahora",
    "When": "Cuándo",
    "Who": "Quién",
    "Who asked for it themselves stays on the list for good: only the operator can take that back.": (
        "Quien lo pidió queda en la lista para siempre: solo el operador puede deshacerlo."
    ),
    "Whose followings": "Los seguidos de",
    "Why": "Por qué",
    "Why tasks failed in 24 hours": "Por qué fallaron tareas en 24 horas",
    "Works": "Trabaja",
    "Write to these people": "Escribir a estas personas",
    "You cannot suspend yourself.": "No puedes suspenderte a ti mismo.",
    "Your key": "Tu clave",
    "Your key lacks the scope {scope}.": "A tu clave le falta el permiso {scope}.",
    "a person is needed.": "hace falta una persona.",
    "after a person resumes it": "cuando una persona la reanude",
    "alive": "vivo",
    "all": "todos",
    "browsers: {n}": "navegadores: {n}",
    "of jobs begun in the last {n} days": "de trabajos empezados en los últimos {n} días",
    "pages: {n} of {all}": "páginas: {n} de {all}",
    "reads: {n} of {all}": "lecturas: {n} de {all}",
    "all of them active": "todas activas",
    "always": "siempre",
    "engagement": "interacción",
    "everybody": "todos los clientes",
    "followers": "seguidores",
    "live": "en directo",
    "messages": "mensajes",
    "mostly: {code}": "sobre todo: {code}",
    "none": "ninguno",
    "none yet": "aún ninguno",
    "none: the text below": "ninguna: el texto de abajo",
    "now": "ahora",
    "profiles": "perfiles",
    "run scrapinsta db upgrade": "ejecuta scrapinsta db upgrade",
    "score": "puntuación",
    "silent: it comes back within seconds, or see the logs": "callado: vuelve en segundos, o mira los registros",
    "the dispatcher": "el repartidor",
    "up to date": "al día",
    "written and reported": "escritos y confirmados",
    "{done} of {total} ended": "{done} de {total} terminadas",
    "{ms} ms for this page": "{ms} ms para esta página",
    "{n} errors": "{n} errores",
    "{n} in hand now": "{n} en curso ahora",
    "{n} in this hour and the last": "{n} en esta hora y la anterior",
    "{n} more were forgotten and are known by a hash alone.": "{n} más fueron olvidadas y solo queda su huella.",
    "{n} of {all} in this hour": "{n} de {all} en esta hora",
    "{n} paused": "{n} en pausa",
    "{n} people are on this list.": "{n} personas están en esta lista.",
    "{n} people would be written to.": "Se escribiría a {n} personas.",
    "{n} profiles have a score.": "{n} perfiles tienen puntuación.",
    # ---- what was done
    "The job has begun.": "El trabajo ha empezado.",
    "The job is cancelled.": "El trabajo está cancelado.",
    "The job is paused.": "El trabajo está en pausa.",
    "The job goes on.": "El trabajo sigue.",
    "What failed is tried again.": "Se reintenta lo que falló.",
    "The template is there.": "La plantilla ya está.",
    "The new version is used from now on.": "Desde ahora se usa la versión nueva.",
    "The template is retired.": "La plantilla está retirada.",
    "They are on the list.": "Están en la lista.",
    "They are on the list, but for what is no username.": "Están en la lista, salvo lo que no es un nombre.",
    "Taken off the list.": "Quitado de la lista.",
    "This person asked not to be written to: only the operator may take that back.": (
        "Esta persona pidió que no se le escriba: solo el operador puede deshacerlo."
    ),
    "The account is paused.": "La cuenta está en pausa.",
    "The account works again.": "La cuenta trabaja de nuevo.",
    "The client is there.": "El cliente ya está.",
    "The limits are changed.": "Los límites han cambiado.",
    "The client is suspended.": "El cliente está suspendido.",
    "The client is active again.": "El cliente está activo de nuevo.",
    "The key is refused within seconds.": "La clave se rechaza en segundos.",
    # ---- what other rooms say
    "There is no such template.": "No existe esa plantilla.",
    "This template is retired: take another, or make a new one.": "Esta plantilla está retirada: usa otra o crea una.",
    "This person asked to be forgotten: nothing is collected about them.": (
        "Esta persona pidió ser olvidada: no se recoge nada sobre ella."
    ),
    "The message is empty.": "El mensaje está vacío.",
    "The message has a single { or }; write {{ or }} for a brace.": (
        "El mensaje tiene una llave suelta: escribe {{ o }} para una llave."
    ),
    "The database does not answer: nothing was half done, try again shortly.": (
        "La base de datos no responde: nada quedó a medias, prueba de nuevo en un momento."
    ),
    "A key without any scope is good for nothing.": "Una clave sin permisos no sirve para nada.",
    "Not Found": "No existe",
    "Internal Server Error": "Algo salió mal aquí",
    "Method Not Allowed": "Así no se puede pedir",
}
