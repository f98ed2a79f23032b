// A thread: what was written, and the box that writes more. A bubble appears once the server has taken the message.
const thread = data("thread-data"), bubbles = $("#bubbles");
const box = $("[role=textbox]"), composer = box && box.parentElement;
const send = make("div", {role: "button", tabindex: "0", class: "{{ c.sendbutton }}"}, {{ t.send|tojson }});
const refusals = {requests: {{ t.no_requests|tojson }}.replace("{name}", thread.name), followers: {{ t.no_strangers|tojson }}};

function bubble(text, mine) {
  const who = make("h5", {class: "{{ c.hidden }}"}, mine ? {{ t.you_sent|tojson }} : thread.name);
  const row = make("div", {role: "row", class: `{{ c.bubblerow }}${mine ? "" : " {{ c.theirs }}"}`}, who,
    make("div", {class: "{{ c.bubble }}"}, make("div", {dir: "auto"}, text)));
  bubbles.append(row);
  bubbles.scrollTop = bubbles.scrollHeight;
}

const typed = () => box.innerText.replace(/\u00a0/g, " ").trim();
const alertWith = text => $("#slot").replaceChildren(make("div", {role: "alert", class: "{{ c.alert }}"}, text));
function offerSend() {
  if (typed()) composer.append(send); else send.remove();
}

let sending = false;
async function submit() {
  const text = typed();
  if (!text || sending) return;
  sending = true;
  $("#slot").replaceChildren();
  const answer = await call("/api/v1/direct_v2/threads/broadcast/text/",
    {thread_id: thread.thread_id, text, client_context: crypto.randomUUID?.() || String(Math.random())}).catch(() => ({ok: false, body: {}}));
  sending = false;
  if (!answer.ok) return alertWith(refusals[answer.body.refusal] || {{ t.failed|tojson }});
  box.textContent = "";
  offerSend();
  bubble(text, true);
}

for (const message of thread.messages) bubble(message.text, message.mine);
if (box) {
  box.oninput = offerSend;
  box.onkeydown = event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); }
  };
  send.onclick = submit;
  send.onkeydown = event => { if (event.key === "Enter") submit(); };
  box.focus();
}
