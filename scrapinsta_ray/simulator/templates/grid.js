// The grid of a profile: the first posts come with the page, the rest while scrolling.
const grid = $("#grid");
const first = data("grid-data").require[0][3][0].__bbox.require[0][3][1].__bbox.result.data;
const connection = Object.values(first)[0];
const isReels = about.tab === "reels";
let cursor = connection.page_info.end_cursor, loading = false;

function overlay(media) {
  const counts = make("ul", {class: "{{ c.overlay }}"});
  const add = (name, label, count) => counts.append(make("li", {}, icon(name, label), make("span", {}, make("span", {}, shortened(count)))));
  if (!media.like_and_view_counts_disabled) add("heart", {{ t.likes|tojson }}, media.like_count);
  add("talk", {{ t.comments|tojson }}, media.comment_count);
  return counts;
}

function tile(media) {
  const pinned = (media.clips_tab_pinned_user_ids || media.timeline_pinned_user_ids).length > 0;
  const word = isReels || media.product_type === "clips" ? "reel" : "p";
  const link = make("a", {href: `/${about.username}/${word}/${media.code}/`, role: "link", class: "{{ c.tile }}", style: `--hue:${Number(BigInt(media.pk) % 360n)}`});
  if (pinned) link.append(make("span", {class: "{{ c.corner }}"}, icon("pin", {{ t.pinned|tojson }})));
  else if (media.media_type === 8) link.append(make("span", {class: "{{ c.corner }}"}, icon("stack", {{ t.carousel|tojson }})));
  else if (media.media_type === 2 && !isReels) link.append(make("span", {class: "{{ c.corner }}"}, icon("film", {{ t.clip|tojson }})));
  if (isReels && media.play_count != null)
    link.append(make("div", {class: "{{ c.foot }}"}, icon("eye", {{ t.views|tojson }}), make("span", {}, make("span", {}, shortened(media.play_count)))));
  link.onmouseenter = () => link.append(overlay(media));
  link.onmouseleave = () => $("ul", link)?.remove();
  return link;
}

const show = medias => grid.append(...medias.map(tile));

async function more() {
  if (loading || !cursor) return;
  loading = true;
  const answer = isReels
    ? await call("/api/v1/clips/user/", {target_user_id: about.user_id, page_size: 12, max_id: cursor, include_feed_video: "true"})
    : await call(`/api/v1/feed/user/${about.user_id}/?count=12&max_id=${encodeURIComponent(cursor)}`);
  if (answer.ok) {
    const paging = answer.body.paging_info;
    cursor = paging ? paging.more_available && paging.max_id : answer.body.next_max_id;
    show(answer.body.items.map(one => one.media || one));
  } else cursor = null;
  loading = false;
}

show(connection.edges.map(edge => edge.node.media || edge.node));
if (!connection.edges.length) grid.after(make("div", {class: "{{ c.notice }}"}, make("h2", {}, {{ t.no_posts|tojson }})));
addEventListener("scroll", () => { if (innerHeight + scrollY > document.body.scrollHeight - 400) more(); });
