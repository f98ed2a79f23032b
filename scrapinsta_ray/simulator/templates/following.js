// The dialog with whom somebody follows: a page at a time, as its inner div is scrolled.
function personRow(person) {
  const link = (...inside) => make("a", {href: `/${person.username}/`, role: "link"}, ...inside);
  const name = make("div", {}, link(make("span", {dir: "auto"}, person.username)));
  if (person.is_verified) name.append(" ", icon("badge", {{ t.verified|tojson }}));
  name.append(make("div", {class: "{{ c.muted }}", dir: "auto"}, person.full_name));
  const picture = make("span", {class: "{{ c.avatar }}", style: `--hue:${Number(person.id) * 47 % 360}`});
  return make("div", {class: "{{ c.row }}"}, link(picture), name, make("button", {class: "{{ c.grey }}"}, {{ t.follow|tojson }}));
}

// A page of the list in whichever shape it comes: {people, next}.
function listOf(body) {
  if (body.users) return {people: body.users, next: body.next_max_id};
  if (body.payload) {
    const {people, after} = body.payload;
    return {people: people.map(([username, full_name, is_verified, id]) => ({username, full_name, is_verified, id})), next: after ?? undefined};
  }
  const edge = body.data.user.edge_follow;
  return {people: edge.edges.map(one => one.node), next: edge.page_info.end_cursor ?? undefined};
}

function openFollowing() {
  const list = make("div", {}), scroller = make("div", {class: "{{ c.scroller }}"}, list);
  const shade = dialog({{ t.Following|tojson }}, scroller);
  let next = "", busy = false, done = false;

  async function suggest() {
    const answer = await call(`/api/v1/discover/chaining/?target_id=${about.user_id}`);
    scroller.append(make("h4", {style: "margin:16px"}, {{ t.suggested|tojson }}), make("div", {}, ...(answer.body.users || []).map(personRow)));
  }
  async function load() {
    if (busy || done) return;
    busy = true;
    const waiting = scroller.appendChild(make("div", {role: "progressbar", class: "{{ c.row }}"}, "…"));
    const answer = await call(`/api/v1/friendships/${about.user_id}/following/?count=12&max_id=${next}`).catch(() => ({ok: false}));
    waiting.remove();
    if (answer.ok) {
      const page = listOf(answer.body);
      list.append(...page.people.map(personRow));
      next = page.next;
    }
    done = !answer.ok || next === undefined;
    if (answer.ok && done) await suggest();
    busy = false;
    if (!done && scroller.scrollHeight <= scroller.clientHeight) load();
  }
  scroller.onscroll = () => { if (scroller.scrollTop + scroller.clientHeight > scroller.scrollHeight - 120) load(); };
  shade.addEventListener("gone", () => history.pushState({}, "", `/${about.username}/`));
  load();
}

$("#following").onclick = event => {
  event.preventDefault();
  history.pushState({}, "", `/${about.username}/following/`);
  openFollowing();
};
if (about.opened === "following") openFollowing();
