"""The following list as people read it: a dialog that grows as it is scrolled. Used when its JSON has changed."""

from collections.abc import Iterator

from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Profile
from scrapinsta_ray.instagram.parse.dialog import Rows, parse_following_dialog
from scrapinsta_ray.instagram.session import AccountSession

_DIALOG = """
const dialog = [...document.querySelectorAll("[role=dialog]")].find(one => one.querySelector('a[href^="/"]'));
return dialog ? dialog.outerHTML : null;
"""

# Scrolls to the end of what is there, then waits until there is more or `limit` ms have passed.
_SCROLL = """
const [limit, done] = arguments;
const dialog = [...document.querySelectorAll("[role=dialog]")].find(one => one.querySelector('a[href^="/"]'));
const list = dialog && [...dialog.querySelectorAll("div")].find(one =>
  one.scrollHeight > one.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(one).overflowY));
if (!list) return done(false);
const before = dialog.querySelectorAll("a").length;
const watch = new MutationObserver(() => { if (dialog.querySelectorAll("a").length > before) end(true); });
const timer = setTimeout(() => end(false), limit);
function end(more) { watch.disconnect(); clearTimeout(timer); done(more); }
watch.observe(dialog, {childList: true, subtree: true});
list.scrollTop = list.scrollHeight;
"""


def followings_on_page(session: AccountSession, profile: Profile, limit: int) -> Iterator[FollowingPage]:
    """Pages of what the open dialog shows, at most `limit` rows; without cursors, since a dialog has none.

    Raises LayoutChanged when the page has no such dialog, and what the session raises.
    """
    with session.reading("followings"):
        session.open(f"/{profile.username}/following/")
        session.wait_for(_DIALOG, "following dialog")
    taken: set[str] = set()
    while True:
        with session.reading("followings"):
            rows = parse_following_dialog(session.wait_for(_DIALOG, "following dialog"))
        fresh = [user for user in rows.users if user.username not in taken][: limit - len(taken)]
        taken.update(user.username for user in fresh)
        completeness = _ended(session, rows, len(taken), limit, profile)
        yield _page(fresh, completeness)
        if completeness:
            return


def _ended(
    session: AccountSession, rows: Rows, taken: int, limit: int, profile: Profile
) -> Completeness | None:
    if taken >= limit:
        return Completeness.TRUNCATED
    if not rows.ended and session.browser.run_async(_SCROLL, 4000):
        return None
    session.page()  # a notice may lie over the list
    if profile.followings and not taken:
        return Completeness.SOFT_BLOCKED
    return Completeness.CAPPED if taken < (profile.followings or 0) else Completeness.COMPLETE


def _page(users: list[Following], completeness: Completeness | None) -> FollowingPage:
    return FollowingPage(tuple(users), None, completeness)
