// The grid of a profile: the first posts come with the page, the rest while scrolling.
const grid = $("#grid");
const isReels = about.tab === "reels";
let cursor = "", loading = false;

// A page of posts in whichever shape it comes: {medias, next}.
function pageOf(body) {
  if (body.items) {
    const paging = body.paging_info;
    return {medias: body.items.map(one => one.media || one), next: paging ? paging.more_available && paging.max_id : body.next_max_id};
  }
  const holder = body.data.user || body.data;
  const connection = Object.values(holder).find(one => one && one.edges);
  return {medias: connection.edges.map(edge => edge.node.media || newer(edge.node)), next: connection.page_info.end_cursor};
}

// A node of the older timeline in the newer words.
function newer(node) {
  if (!node.shortcode) return node;
  const likes = node.edge_liked_by || node.edge_media_preview_like || {};
  return {pk: node.id, code: node.shortcode, like_count: likes.count, comment_count: node.edge_media_to_comment.count,
    media_type: {GraphImage: 1, GraphVideo: 2, GraphSidecar: 8}[node.__typename], product_type: node.product_type,
    like_and_view_counts_disabled: node.like_and_view_counts_disabled, timeline_pinned_user_ids: node.pinned_for_users};
}

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
    link.append(make("div", {class: "{{ c.foot }}"}, {% if views == "text" %}make("span", {class: "{{ c.hidden }}"}, {{ t.views|tojson }}){% else %}icon("eye", {{ t.views|tojson }}){% endif %}, make("span", {}, make("span", {}, shortened(media.play_count)))));
  link.onmouseenter = () => link.append(overlay(media));
  link.onmouseleave = () => $("ul", link)?.remove();
  return link;
}

const show = medias => grid.append(...medias.map(tile));

async function more() {
  if (loading || cursor === null) return;
  loading = true;
  const answer = isReels
    ? await call("/api/v1/clips/user/", {target_user_id: about.user_id, page_size: 12, max_id: cursor, include_feed_video: "true"})
    : await call(`/api/v1/feed/user/${about.user_id}/?count=12&max_id=${encodeURIComponent(cursor)}`);
  const page = answer.ok ? pageOf(answer.body) : {medias: [], next: null};
  cursor = page.next || null;
  show(page.medias);
  loading = false;
}

async function begin() {
  if ($("#grid-data")) {
    const ready = pageOf(data("grid-data").require[0][3][0].__bbox.require[0][3][1].__bbox.result);
    cursor = ready.next || null;
    show(ready.medias);
  } else await more();
  if (!grid.children.length) grid.after(make("div", {class: "{{ c.notice }}"}, make("h2", {}, {{ t.no_posts|tojson }})));
}
begin();
addEventListener("scroll", () => { if (innerHeight + scrollY > document.body.scrollHeight - 400) more(); });
