const $ = (selector) => document.querySelector(selector);
const thread = new URLSearchParams(location.search).get("thread") || "lobby";

/** A random UUID. `crypto.randomUUID` is missing where the page comes over plain HTTP from another host. */
const uuid = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
  (digit ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> digit / 4).toString(16));

/** A value kept across visits; works, without keeping anything, where storage is forbidden. */
const kept = {
  get(key) { try { return localStorage.getItem(`tidings.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`tidings.${key}`, value); } catch { /* not kept */ } },
};

/** What became of something that was to be written, and what the visitor can do about it. */
function explanation({ status, message }) {
  switch (status) {
    case 0: return "The server does not answer. Try again when the connection is back.";
    case 401: return "You are not signed in, or not any more. Sign in, then try again.";
    case 403: return `You may not do this here: ${message}`;
    case 409: return "This thread is closed. Nothing can be added to it.";
    case 413: return "This is too long. Make it shorter, then try again.";
    case 429: return "That was a lot at once.";
    default: return status >= 500 ? `The server cannot take this now: ${message}` : `Not accepted: ${message}`;
  }
}

/** When a write that was too much may be tried again, in ms since 1970. */
const nextTry = ({ retryAfter }) => Date.now() + Math.max(retryAfter, 1000);

/** Why a write is tried again, in a few words. */
const hurdle = ({ status, message }) => (status === 0 ? "no connection" : message);

/** A button with its words. */
function button(words, act, className = "") {
  const element = Object.assign(document.createElement("button"), { type: "button", textContent: words, className });
  element.addEventListener("click", act);
  return element;
}

/** Says something to those who do not see the page. */
function say(words) {
  $("#said").textContent = words;
}

/** What `format` may produce, and nothing else, as nodes: links, mentions and line breaks. */
function safeMarkup(html) {
  const template = document.createElement("template");
  // The content of a template is inert: nothing in it loads or runs.
  template.innerHTML = html;
  for (const element of template.content.querySelectorAll("*")) {
    const isLink = element.matches("a[href^='http://'], a[href^='https://']");
    if (!isLink && !element.matches("br, span.mention")) {
      element.replaceWith(element.textContent);
      continue;
    }
    const { href } = element;
    for (const { name } of [...element.attributes]) element.removeAttribute(name);
    if (isLink) Object.assign(element, { href, target: "_blank", rel: "nofollow ugc noopener noreferrer" });
    else if (element.localName === "span") element.className = "mention";
  }
  return template.content;
}

/** Up to two initials, by what a reader takes for a letter; emoji and combined letters stay whole. */
function initials(name) {
  const letters = (word) => [...new Intl.Segmenter().segment(word)].map(({ segment }) => segment);
  const words = name.trim().split(/\s+/).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => letters(word)[0].toLocaleUpperCase()).join("") || "?";
}

/** A hue of the colour circle that belongs to `key`: the same on every visit, spread by the golden angle. */
function hue(key) {
  let hash = 7;
  for (const character of key) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return Math.round((hash * 137.508) % 360);
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** "now", "3 min. ago", "yesterday": how long ago a moment in ms was. */
function ago(moment) {
  const seconds = Math.max(0, (Date.now() - moment) / 1000);
  if (seconds < 45) return "now";
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= size || unit === "minute") return relative.format(-Math.max(1, Math.round(seconds / size)), unit);
  }
}

/** A comment on the page: its text, what can be done with it, and how it stands with what was done. */
class CommentView {
  item;
  article;
  comment;
  #actor;
  #countdown = 0;

  /** `actor` has `reply`, `edit` and `remove`, which take this view. */
  constructor(actor) {
    this.#actor = actor;
    this.item = $("#comment-template").content.cloneNode(true).firstElementChild;
    this.article = this.item.querySelector("article");
  }

  get name() { return String(this.comment.author?.name || this.comment.author?.id || "Anonymous"); }

  get excerpt() { return `${this.name}: ${this.#part(".body").textContent.slice(0, 120)}`; }

  get isEditing() { return this.#part(".editor") !== null; }

  /** Shows a comment in its present form. `parent` is the view of the comment that it answers, if that is here. */
  show(comment, isMine, parent) {
    this.comment = comment;
    this.article.id = `c-${comment.id}`;
    this.article.dataset.id = comment.id;
    this.mark("", comment.type === "comment.edited" ? "edited" : "");
    if (comment.type === "comment.deleted") return this.#bury();
    this.#part(".avatar").textContent = initials(this.name);
    this.#part(".avatar").style.setProperty("--hue", hue(String(comment.author?.id ?? this.name)));
    this.#part("b").textContent = this.name;
    const time = this.#part("time");
    const moment = new Date(Number(comment.created_at ?? comment.received_at) || Date.now());
    time.dateTime = moment.toISOString();
    time.title = moment.toLocaleString();
    time.textContent = ago(moment.getTime());
    const link = this.#part(".parent");
    link.hidden = (comment.parent ?? null) === null;
    link.textContent = parent ? parent.excerpt : "In reply to an earlier comment";
    if (parent) link.href = `#${encodeURIComponent(parent.article.id)}`;
    this.#fill(comment);
    this.#offer(isMine);
  }

  /** Says in few words how it stands with the comment. */
  mark(status, words) {
    if (status) this.article.dataset.status = status;
    else delete this.article.dataset.status;
    const mark = this.#part(".mark");
    mark.textContent = words;
    mark.title = words === "edited" ? `Edited ${new Date(Number(this.comment.received_at)).toLocaleString()}` : "";
  }

  /**
   * Shows what went wrong, beneath the comment, and what can be done now, as [words, act].
   *
   * `until`, in ms: then `again` is called, and until then the seconds are counted.
   */
  trouble(words, ways = [], until = 0, again = () => {}) {
    this.calm();
    const line = this.#part(".trouble");
    line.querySelector(".words").textContent = words;
    line.hidden = false;
    if (until > 0) {
      // For the eye only: a screen reader hears the words, not each second.
      const left = line.querySelector(".left");
      const tick = () => {
        const seconds = Math.ceil((until - Date.now()) / 1000);
        left.textContent = ` Trying again in ${Math.max(seconds, 1)} s.`;
        if (seconds > 0) return;
        this.calm();
        again();
      };
      this.#countdown = setInterval(tick, 250);
      tick();
    }
    line.querySelector(".ways").replaceChildren(...ways.map(([words, act]) => button(words, () => {
      this.calm();
      act();
    })));
  }

  /** Takes away what `trouble` has shown. */
  calm() {
    clearInterval(this.#countdown);
    const line = this.#part(".trouble");
    line.hidden = true;
    for (const part of line.querySelectorAll(".words, .left, .ways")) part.replaceChildren();
  }

  /** Opens the field in which the comment is changed. `act` gets the new text. */
  startEditing(act) {
    if (this.isEditing) return;
    this.calm();
    const editor = $("#editor-template").content.cloneNode(true).firstElementChild;
    const field = editor.querySelector("textarea");
    field.value = Tidings.text(this.comment);
    editor.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.readOnly) return;
      const text = field.value.trim();
      if (text === "") return field.focus();
      if (text === Tidings.text(this.comment).trim()) this.stopEditing();
      else act(text);
    });
    editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stopEditing();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) editor.requestSubmit();
    });
    editor.querySelector("[type=button]").addEventListener("click", () => this.stopEditing());
    this.#part(".body").after(editor);
    this.article.classList.add("editing");
    field.focus();
  }

  /** The field stays, and takes nothing, while its text is on the way. It keeps the focus, so it is not disabled. */
  set isSaving(isSaving) {
    this.#part(".editor").toggleAttribute("data-saving", isSaving);
    this.#part(".editor textarea").readOnly = isSaving;
  }

  stopEditing() {
    if (!this.isEditing) return;
    const hadFocus = this.article.contains(document.activeElement);
    this.#part(".editor").remove();
    this.article.classList.remove("editing");
    this.calm();
    if (hadFocus) this.#part(".edit")?.focus();
  }

  /** Asks whether the comment is to be deleted, in the place of its buttons. */
  confirm(words, act) {
    const actions = this.#part(".actions");
    const before = [...actions.childNodes];
    const end = () => {
      actions.replaceChildren(...before);
      this.#part(".delete")?.focus();
    };
    const stay = button("Keep", end);
    const go = button("Delete", () => { end(); act(); }, "danger");
    for (const each of [go, stay]) {
      each.addEventListener("keydown", (event) => { if (event.key === "Escape") end(); });
    }
    actions.replaceChildren(Object.assign(document.createElement("span"), { textContent: words }), go, stay);
    stay.focus();
  }

  focus() { this.article.focus(); }

  #fill(comment) {
    const body = this.#part(".body");
    const isMarkup = typeof comment.html === "string";
    body.classList.toggle("plain", !isMarkup);
    body.replaceChildren(isMarkup ? safeMarkup(comment.html) : String(comment.text ?? ""));
  }

  #offer(isMine) {
    const reply = button("Reply", () => this.#actor.reply(this), "reply");
    const edit = button("Edit", () => this.#actor.edit(this), "edit");
    const remove = button("Delete", () => this.#actor.remove(this), "delete");
    reply.setAttribute("aria-label", `Reply to ${this.name}`);
    for (const [element, word] of [[edit, "Edit"], [remove, "Delete"]]) {
      element.setAttribute("aria-label", `${word} your comment: ${this.#part(".body").textContent.slice(0, 60)}`);
    }
    const actions = this.#part(".actions");
    const focused = actions.contains(document.activeElement) ? document.activeElement.className : "";
    actions.replaceChildren(reply, ...(isMine ? [edit, remove] : []));
    if (focused) actions.querySelector(`.${focused.split(" ")[0]}`)?.focus();
  }

  /** Leaves the place of a deleted comment. */
  #bury() {
    const hadFocus = this.article.contains(document.activeElement);
    this.calm();
    this.#part(".editor")?.remove();
    this.article.classList.remove("editing", "arrived");
    this.article.dataset.status = "deleted";
    this.#part(".body").className = "body";
    this.#part(".body").textContent = this.comment.by_moderator ? "Removed by a moderator" : "Comment deleted";
    for (const part of [".avatar", "b", ".mark", "time", ".actions"]) this.#part(part).replaceChildren();
    this.#part("time").removeAttribute("datetime");
    this.#part(".parent").hidden = true;
    if (hadFocus) this.focus();
  }

  #part(selector) { return this.article.querySelector(selector); }
}

/** The comments on the page: those of the list, in its order, then the visitor's own that are on their way. */
class ThreadView {
  #list = $("#comments");
  #pending = $("#pending");
  /** [id, view], of both. */
  #views = new Map();
  #pendingIDs = new Set();
  #actor;
  #isBusy = true;

  constructor(actor) {
    this.#actor = actor;
  }

  /** Takes a step of the list. True when a comment of another has come. */
  take({ type, index, comment }, isMine) {
    const id = String(comment.id);
    if (type === "remove") {
      this.#list.children[index].remove();
      this.#views.delete(id);
      return false;
    }
    const isKnown = this.#views.has(id);
    const wasPending = this.#pendingIDs.delete(id);
    const view = this.#view(id);
    const hadFocus = view.article.contains(document.activeElement);
    if (wasPending) view.calm();
    view.show(comment, isMine, this.#views.get(String(comment.parent)));
    if (type === "insert") {
      view.article.classList.toggle("arrived", !isKnown && !this.#isBusy);
      this.#list.insertBefore(view.item, this.#list.children[index] ?? null);
      if (hadFocus) view.focus();
    }
    return type === "insert" && !wasPending && !isMine && comment.type !== "comment.deleted";
  }

  /** Shows one of the visitor's own comments before the server has it. */
  addPending(comment) {
    const id = String(comment.id);
    const view = this.#view(id);
    this.#pendingIDs.add(id);
    view.show(comment, false, this.#views.get(String(comment.parent)));
    view.article.querySelector(".actions").replaceChildren();
    this.#pending.append(view.item);
    view.mark("sending", "sending");
  }

  /** The view of a comment that is still on its way; undefined when it has come. */
  pending(id) {
    return this.#pendingIDs.has(String(id)) ? this.#views.get(String(id)) : undefined;
  }

  /** Takes away a comment that does not come. */
  drop(id) {
    const view = this.pending(id);
    view?.item.remove();
    this.#pendingIDs.delete(String(id));
    this.#views.delete(String(id));
  }

  get isEmpty() { return this.#list.childElementCount + this.#pending.childElementCount === 0; }

  /** The history is complete: what is added from now on is shown, and read out, as new. */
  settled() {
    this.#isBusy = false;
    $("#log").ariaBusy = "false";
  }

  refreshTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) time.textContent = ago(Date.parse(time.dateTime));
  }

  #view(id) {
    const view = this.#views.get(id) ?? new CommentView(this.#actor);
    this.#views.set(id, view);
    return view;
  }
}

/** Where the reader stands: at the end, which then stays in sight, or further up, with a count of what is new. */
class Position {
  #button = $("#fresh");
  #unread = 0;
  #isAtEnd = true;

  constructor() {
    history.scrollRestoration = "manual";
    this.#button.addEventListener("click", () => this.goToEnd());
    addEventListener("scroll", () => this.#look(), { passive: true });
    addEventListener("resize", () => this.#isAtEnd && this.goToEnd());
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Comments were added: `count` of them from others. */
  added(count) {
    if (!this.#isAtEnd || document.hidden) this.#unread += count;
    if (this.#isAtEnd) this.goToEnd();
    this.#show();
  }

  goToEnd() {
    this.#isAtEnd = true;
    scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  }

  #look() {
    this.#isAtEnd = document.documentElement.scrollHeight - (scrollY + innerHeight) < 120;
    if (this.#isAtEnd && !document.hidden) this.#unread = 0;
    this.#show();
  }

  #show() {
    this.#button.hidden = this.#unread === 0 || this.#isAtEnd;
    this.#button.textContent = this.#unread === 1 ? "1 new comment" : `${this.#unread} new comments`;
    document.title = `${this.#unread > 0 ? `(${this.#unread}) ` : ""}${thread} · Tidings`;
  }
}

/** The line that says how the connection stands, in the head and in the foot. */
class StateLine {
  /** Each state of a `Tidings`, as it is shown. */
  static states = {
    idle: ["connecting", "Connecting"], connecting: ["connecting", "Connecting"], live: ["live", "Live"],
    waiting: ["reconnecting", "Reconnecting"], offline: ["offline", "Offline"], hidden: ["paused", "Paused"],
    closed: ["offline", "Ended"],
  };

  #until = 0;
  #word = "Connecting";

  /** `until`: the moment of the next attempt, in ms. */
  show(name, until = 0) {
    const [state, word] = StateLine.states[name];
    this.#until = until;
    this.#word = word;
    $("#state").dataset.state = state;
    $("#foot-state").textContent = word.toLowerCase();
    this.tick();
  }

  /** Brings the countdown up to date. It is for the eye only: a screen reader hears the word, not each second. */
  tick() {
    const left = Math.ceil((this.#until - Date.now()) / 1000);
    const [word, countdown] = $("#state").children;
    const show = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    show(word, this.#word);
    show(countdown, left > 1 ? ` in ${left} s` : "");
    $("#retry").hidden = left <= 1;
  }
}

/** What the visitor writes with. */
class Composer {
  #form = $("#composer");
  #text = $("#text");
  #name = $("#name");
  #parent;

  /** Called with each comment that is posted. */
  onPost = () => {};

  constructor() {
    this.#name.value = kept.get("name") ?? "";
    this.#name.addEventListener("input", () => kept.set("name", this.#name.value));
    this.#text.addEventListener("input", () => this.#refresh());
    this.#form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#form.requestSubmit();
    });
    this.#form.addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    $("#replying button").addEventListener("click", () => this.replyTo(undefined));
    this.#refresh();
  }

  /** Makes the next comment an answer to that of a view; undefined: to none. */
  replyTo(view) {
    this.#parent = view?.comment.id;
    $("#replying").hidden = !view;
    $("#replying span").textContent = view ? `Reply to ${view.excerpt}` : "";
    this.#text.focus();
  }

  /** Whether the thread takes no more comments. What was begun stays in its field, to be copied. */
  set isClosed(isClosed) {
    if ($("#closed").hidden === !isClosed) return;
    $("#closed").hidden = !isClosed;
    document.body.toggleAttribute("data-closed", isClosed);
    this.#text.readOnly = isClosed;
    this.#text.placeholder = isClosed ? "" : "Write a comment";
    this.#name.disabled = isClosed;
    this.#refresh();
  }

  /** Puts a comment back to be changed and posted again. */
  restore(comment) {
    this.#text.value = [comment.text, this.#text.value].filter(Boolean).join("\n");
    this.#refresh();
    this.#text.focus();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text || !$("#closed").hidden) return;
    const comment = { thread, forum: "demo", id: uuid(), author: { name: this.#name.value.trim() || "Guest" }, text };
    if (this.#parent) comment.parent = this.#parent;
    this.#text.value = "";
    this.replyTo(undefined);
    this.#refresh();
    this.onPost(comment);
  }

  #refresh() {
    $("#post").disabled = this.#text.value.trim() === "" || !$("#closed").hidden;
  }
}

// The page itself: the parts above, and what passes between them.

const position = new Position();
const line = new StateLine();
const composer = new Composer();
const tidings = new Tidings(new URL(".", location.href).href);
/** When each of the visitor's own comments was posted, and what ends the attempts, until it arrives. */
const posted = new Map();
/** The ids of those that the server has not taken yet. */
const unsent = new Set();
const view = new ThreadView({
  reply: (comment) => composer.replyTo(comment),
  edit: (comment) => comment.startEditing((text) => save(comment, text)),
  remove: (comment) => comment.confirm("Delete this comment?", () => erase(comment)),
});
/** Until the first answer: what it holds was said before the visitor came. */
let isHistory = true;

const list = tidings.list(`thread:${thread}`, {
  onChange(list, steps) {
    let fromOthers = 0;
    for (const step of steps) {
      fromOthers += view.take(step, list.isMine(step.comment)) ? 1 : 0;
      if (step.type === "insert") settle(step.comment.id);
    }
    composer.isClosed = list.isClosed;
    refresh();
    if (steps.some(({ type }) => type === "insert")) position.added(isHistory ? 0 : fromOthers);
    isHistory = false;
    view.settled();
  },
  onState: (name, { until }) => line.show(name, until),
  onError: (error) => console.error("not shown", error),
});

/** One of the visitor's own comments has come. */
function settle(id) {
  unsent.delete(id);
  const own = posted.get(id);
  if (!own) return;
  posted.delete(id);
  own.attempts.abort();
  $("#foot-latency").textContent = `${Math.round(performance.now() - own.at)} ms`;
}

/** Sends a new comment, and shows on it how that goes. */
async function send(comment) {
  const attempts = new AbortController();
  posted.set(comment.id, { at: performance.now(), attempts });
  unsent.add(comment.id);
  const mark = (status, words) => view.pending(comment.id)?.mark(status, words);
  const drop = () => {
    unsent.delete(comment.id);
    view.drop(comment.id);
    refresh();
  };
  try {
    mark("sending", "sending");
    await tidings.post(comment, {
      signal: attempts.signal,
      onRetry: (error) => mark("sending", `trying again: ${hurdle(error)}`),
    });
    unsent.delete(comment.id);
    mark("sending", "accepted");
    // Held by a moderator, perhaps: then it comes later, or never.
    setTimeout(() => mark("sending", "accepted, not published yet"), 8000);
  } catch (error) {
    posted.delete(comment.id);
    const own = view.pending(comment.id);
    if (attempts.signal.aborted || !own) return;
    own.mark("refused", "not posted");
    const ways = [["Change it", () => { drop(); composer.restore(comment); }], ["Discard", drop]];
    const again = () => send(comment);
    if (error.status === 429) return own.trouble(explanation(error), ways, nextTry(error), again);
    if (error.status === 409) ways.shift();
    if (error.status === 0 || error.status === 401 || error.status >= 500) ways.unshift(["Try again", again]);
    own.trouble(explanation(error), ways);
  }
}

/**
 * Changes a comment that is there, and shows on it how that goes.
 *
 * `write` sends the change; `words` say that it is under way; `ways` are open when it was refused.
 */
async function change(own, write, words, ways) {
  const { comment } = own;
  const isSame = () => own.comment === comment;
  const again = () => change(own, write, words, ways);
  try {
    own.calm();
    own.mark("sending", words);
    await write({ onRetry: (error) => isSame() && own.mark("sending", `trying again: ${hurdle(error)}`) });
    own.stopEditing();
    setTimeout(() => isSame() && own.mark("sending", "accepted, not published yet"), 8000);
    return true;
  } catch (error) {
    if (!isSame()) return false;
    own.mark("", comment.type === "comment.edited" ? "edited" : "");
    if (error.status === 429) own.trouble(explanation(error), ways, nextTry(error), again);
    else own.trouble(explanation(error), error.status === 409 ? ways : [["Try again", again], ...ways]);
    return false;
  }
}

/** Saves the new text of a comment. The field stays until the server has it. */
async function save(own, text) {
  own.isSaving = true;
  const isTaken = await change(own, (options) => tidings.edit({ ...own.comment, text }, options), "saving", []);
  if (isTaken) say("Your comment is changed.");
  if (own.isEditing) own.isSaving = false;
}

async function erase(own) {
  const ways = [["Keep it", () => own.focus()]];
  const isTaken = await change(own, (options) => tidings.remove(own.comment, options), "deleting", ways);
  if (isTaken) say("Your comment is deleted.");
}

function refresh() {
  $("#empty").hidden = !view.isEmpty;
  $("#foot-comments").textContent = list.comments.length.toLocaleString("en");
}

composer.onPost = (comment) => {
  view.addPending(comment);
  refresh();
  position.goToEnd();
  send(comment);
};

$("#title").textContent = thread;
document.title = `${thread} · Tidings`;
// A comment as a shell takes it: an apostrophe ends the quotes, stands escaped, and begins them again.
const quoted = (text) => `'${JSON.stringify({ thread, text }).replaceAll("'", "'\\''")}'`;
$("#try-redis").textContent = `redis-cli RPUSH comments:incoming ${quoted("hi from redis-cli")}`;
$("#try-curl").textContent = `curl ${location.origin}/v1/comments -d ${quoted("hi from curl")}`;

$("#retry").addEventListener("click", () => tidings.retry());
addEventListener("beforeunload", (event) => { if (unsent.size > 0) event.preventDefault(); });
setInterval(() => line.tick(), 250);
setInterval(() => view.refreshTimes(), 15_000);
