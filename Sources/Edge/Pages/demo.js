const $ = (selector) => document.querySelector(selector);
const thread = new URLSearchParams(location.search).get("thread") || "lobby";

/** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

/** Backoff with full jitter: anything between nothing and a ceiling that doubles with each failure, at most 15 s. */
const backoff = (failures) => Math.random() * Math.min(15_000, 250 * 2 ** failures);

/** What the server asks for in Retry-After, in ms; 0 when it asks for nothing. */
const retryAfter = (response) => 1000 * (Number(response.headers.get("Retry-After")) || 0);

/** A random UUID. `crypto.randomUUID` is missing where the page comes over plain HTTP from another host. */
const uuid = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
  (digit ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> digit / 4).toString(16));

/** A value kept across visits; works, without keeping anything, where storage is forbidden. */
const kept = {
  get(key) { try { return localStorage.getItem(`tidings.${key}`); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(`tidings.${key}`, value); } catch { /* not kept */ } },
};

/** The reason in an answer that is no success: the `error` of its JSON, or its text. */
async function reason(response) {
  const text = (await response.text().catch(() => "")).trim();
  try {
    const { error, reason, message } = JSON.parse(text);
    const found = error?.message ?? error ?? reason ?? message;
    if (found) return String(found);
  } catch { /* plain text */ }
  return text.slice(0, 300) || `status ${response.status}`;
}

/**
 * Follows one channel by long-polling.
 *
 * The offset is the only memory: the next request is the acknowledgement of the last answer, and a request that failed
 * is made again as it was. So nothing is lost or seen twice over any restart, and nothing has to be compared by id.
 */
class Feed {
  /** How long the edge may hold a poll, in s. It adds up to a fifth of jitter. */
  static hold = 25;

  #channel;
  #listener;
  #offset = "-1";
  #failures = 0;
  #isProven = false;
  #skip = new AbortController();

  /** `listener` has `state(name, until)`, `events(list)` and `reset()`. */
  constructor(channel, listener) {
    this.#channel = channel;
    this.#listener = listener;
  }

  /** Never returns. */
  async run() {
    this.#listener.state("connecting");
    for (;;) {
      try {
        await pause(await this.#poll());
      } catch (error) {
        await this.#waitAfter(error);
      }
    }
  }

  /** Ends a pause between two attempts. */
  retryNow() {
    this.#skip.abort();
  }

  /** One request and its answer. Returns the pause that the edge asks for, in ms. */
  async #poll() {
    // Until the line is known to work the edge is asked to answer soon, so that the state shown is the true one.
    const hold = this.#isProven ? Feed.hold : 1;
    const query = new URLSearchParams({ c: `${this.#channel}@${this.#offset}`, timeout: hold });
    const signal = AbortSignal.timeout((hold * 1.2 + 10) * 1000);
    const response = await fetch(`/v1/poll?${query}`, { cache: "no-store", signal });
    if (!response.ok) throw Object.assign(new Error(await reason(response)), { after: retryAfter(response) });
    const answer = await response.json();
    const { next, events, reset } = answer.channels[this.#channel];
    this.#failures = 0;
    this.#isProven = true;
    this.#offset = next;
    if (reset) this.#listener.reset();
    this.#listener.events(events);
    this.#listener.state("live");
    return answer.wait || 0;
  }

  async #waitAfter(error) {
    this.#isProven = false;
    this.#failures += 1;
    const delay = Math.max(backoff(this.#failures), error.after || 0);
    // A machine without a network still reaches itself: so "offline" is a word for the state, no reason to stop.
    this.#listener.state(navigator.onLine ? "reconnecting" : "offline", Date.now() + delay);
    this.#skip = new AbortController();
    await pause(delay, this.#skip.signal);
  }
}

/**
 * Sends the visitor's comments, one after the other, so that they keep their order.
 *
 * A comment goes out with the same `event_id` until it is taken, refused, or seen in the feed: the pipeline drops the
 * repeats, so an answer lost on the way makes no double.
 */
class Outbox {
  #waiting = [];
  #isSending = false;
  #skip = new AbortController();
  #listener;

  /** `listener` has `retrying(comment, why)`, `accepted(comment)` and `refused(comment, why)`. */
  constructor(listener) {
    this.#listener = listener;
  }

  get isEmpty() { return this.#waiting.length === 0; }

  add(comment) {
    this.#waiting.push(comment);
    this.#drain();
  }

  /** Forgets a comment that has been seen in the feed, or was given up. */
  remove(id) {
    this.#waiting = this.#waiting.filter((comment) => comment.id !== id);
  }

  /** Ends a pause after a failed connection; one that the server has asked for is kept. */
  retryNow() {
    this.#skip.abort();
  }

  async #drain() {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let failures = 0; this.#waiting.length > 0;) {
      const comment = this.#waiting[0];
      const outcome = await this.#send(comment);
      if (this.#waiting[0] !== comment) {
        failures = 0;
      } else if (outcome.isFinal) {
        failures = 0;
        this.#waiting.shift();
        if (outcome.why) this.#listener.refused(comment, outcome.why);
        else this.#listener.accepted(comment);
      } else {
        failures += 1;
        this.#listener.retrying(comment, outcome.why);
        this.#skip = new AbortController();
        await pause(Math.max(backoff(failures), outcome.after), outcome.after ? undefined : this.#skip.signal);
      }
    }
    this.#isSending = false;
  }

  async #send(comment) {
    try {
      const response = await fetch("/v1/comments", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(comment),
        signal: AbortSignal.timeout(15_000),
      });
      if (response.ok) return { isFinal: true };
      const passes = response.status === 429 || response.status >= 500;
      return { isFinal: !passes, why: await reason(response), after: retryAfter(response) };
    } catch {
      return { isFinal: false, why: "no connection", after: 0 };
    }
  }
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

/** The comments on the page: those of the feed, in its order, then the visitor's own that are on their way. */
class ThreadView {
  /** More comments than this are not kept in the page; the oldest go first. */
  static limit = 1000;

  #list = $("#comments");
  #pending = $("#pending");
  #articles = new Map();
  #isBusy = true;

  /** Called with the comment that the visitor wants to answer. */
  onReply = () => {};

  /** Shows a comment of the feed. One of the visitor's own moves from the pending ones to its place. */
  add(event) {
    const own = this.#findPending(event.id);
    const article = this.#fill(own ?? this.#make(event), event);
    article.classList.toggle("arrived", !own && !this.#isBusy);
    delete article.dataset.status;
    article.querySelector(".mark").textContent = "";
    this.#list.append(article.parentElement);
    if (this.#list.childElementCount > ThreadView.limit) this.#list.firstElementChild.remove();
  }

  /** Shows the new text of a comment; one that is no longer on the page is left alone. */
  edit(event) {
    const article = this.#articles.get(String(event.id));
    if (!article) return;
    this.#fillBody(article, event);
    article.querySelector(".mark").textContent = "edited";
  }

  /** Takes a comment's words away and leaves its place. */
  remove(event) {
    const article = this.#articles.get(String(event.id));
    if (!article) return;
    article.dataset.status = "removed";
    article.querySelector(".body").textContent = "This comment was removed.";
    for (const part of article.querySelectorAll(".mark, .actions, .parent")) part.remove();
  }

  /** Empties the list, all but the pending ones, and leaves a line that says why. */
  reset() {
    this.#articles.clear();
    this.#list.replaceChildren(this.#note("The server has begun a new history. What it still has is shown here."));
  }

  /** Shows one of the visitor's own comments before the server has it. */
  addPending(comment) {
    const article = this.#fill(this.#make(comment), { ...comment, received_at: Date.now() });
    this.#pending.append(article.parentElement);
    this.mark(comment.id, "sending", "sending");
  }

  /** Says how it stands with a pending comment. One that was refused gets its two ways out. */
  mark(id, status, words, ways = []) {
    const article = this.#findPending(id);
    if (!article) return;
    article.dataset.status = status;
    article.querySelector(".mark").textContent = words;
    const actions = article.querySelector(".actions");
    actions.hidden = ways.length === 0;
    actions.replaceChildren(...ways.map(([label, act]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
      button.addEventListener("click", () => { article.parentElement.remove(); act(); });
      return button;
    }));
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

  #findPending(id) {
    return this.#pending.querySelector(`article[data-id="${CSS.escape(id)}"]`);
  }

  #make(event) {
    const item = $("#comment-template").content.cloneNode(true).firstElementChild;
    const article = item.querySelector("article");
    article.dataset.id = event.id;
    return article;
  }

  #fill(article, event) {
    const name = String(event.author?.name || event.author?.id || "Anonymous");
    article.id = `c-${event.id}`;
    this.#articles.set(article.dataset.id, article);
    const avatar = article.querySelector(".avatar");
    avatar.textContent = initials(name);
    avatar.style.setProperty("--hue", hue(String(event.author?.id ?? name)));
    article.querySelector("b").textContent = name;
    const time = article.querySelector("time");
    const moment = new Date(Number(event.received_at) || Date.now());
    time.dateTime = moment.toISOString();
    time.title = moment.toLocaleString();
    time.textContent = ago(moment.getTime());
    this.#fillParent(article.querySelector(".parent"), event.parent);
    this.#fillBody(article, event);
    this.#offerReply(article, event, name);
    return article;
  }

  #fillBody(article, event) {
    const body = article.querySelector(".body");
    const isMarkup = typeof event.html === "string";
    body.classList.toggle("plain", !isMarkup);
    body.replaceChildren(isMarkup ? safeMarkup(event.html) : String(event.text ?? ""));
  }

  #fillParent(link, id) {
    const parent = this.#articles.get(String(id));
    link.hidden = id === undefined || id === null;
    if (link.hidden) return;
    link.textContent = parent ? this.#excerpt(parent) : "In reply to an earlier comment";
    if (parent) link.href = `#${encodeURIComponent(parent.id)}`;
  }

  #offerReply(article, event, name) {
    const actions = article.querySelector(".actions");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "reply" });
    button.textContent = "Reply";
    button.setAttribute("aria-label", `Reply to ${name}`);
    button.addEventListener("click", () => this.onReply({ id: event.id, excerpt: this.#excerpt(article) }));
    actions.hidden = false;
    actions.replaceChildren(button);
  }

  #excerpt(article) {
    return `${article.querySelector("b").textContent}: ${article.querySelector(".body").textContent.slice(0, 120)}`;
  }

  #note(words) {
    return Object.assign(document.createElement("li"), { className: "note", textContent: words });
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
  static words = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", offline: "Offline" };

  #until = 0;

  get state() { return $("#state").dataset.state; }

  /** `until`: the moment of the next attempt, in ms. */
  show(state, until = 0) {
    this.#until = until;
    $("#state").dataset.state = state;
    $("#foot-state").textContent = state;
    this.tick();
  }

  /** Brings the countdown up to date. It is for the eye only: a screen reader hears the word, not each second. */
  tick() {
    const left = Math.ceil((this.#until - Date.now()) / 1000);
    const [word, countdown] = $("#state").children;
    const show = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    show(word, StateLine.words[this.state]);
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

  /** Makes the next comment an answer to `comment`; undefined: to none. */
  replyTo(comment) {
    this.#parent = comment?.id;
    $("#replying").hidden = !comment;
    $("#replying span").textContent = comment ? `Reply to ${comment.excerpt}` : "";
    this.#text.focus();
  }

  /** Puts a comment back to be changed and posted again. */
  restore(comment) {
    this.#text.value = [comment.text, this.#text.value].filter(Boolean).join("\n");
    this.#refresh();
    this.#text.focus();
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text) return;
    const id = uuid();
    const author = { id: this.#author, name: this.#name.value.trim() || "Guest" };
    const comment = { thread, forum: "demo", id, event_id: id, author, text };
    if (this.#parent) comment.parent = this.#parent;
    this.#text.value = "";
    this.replyTo(undefined);
    this.#refresh();
    this.onPost(comment);
  }

  get #author() {
    const known = kept.get("author") ?? `guest-${uuid().slice(0, 8)}`;
    kept.set("author", known);
    return known;
  }

  #refresh() {
    $("#post").disabled = this.#text.value.trim() === "";
  }
}

// The page itself: the parts above, and what passes between them.

const view = new ThreadView();
const position = new Position();
const line = new StateLine();
const composer = new Composer();
/** When each of the visitor's own comments was posted, until it arrives. */
const postedAt = new Map();
let received = 0;
/** Until the first answer: what it holds was said before the visitor came. */
let isHistory = true;

const outbox = new Outbox({
  retrying: (comment, why) => view.mark(comment.id, "sending", `trying again: ${why}`),
  accepted: (comment) => {
    view.mark(comment.id, "sending", "accepted");
    // Held by a moderator, perhaps: then it comes later, or never.
    setTimeout(() => view.mark(comment.id, "sending", "accepted, not published yet"), 8000);
  },
  refused: (comment, why) => {
    postedAt.delete(comment.id);
    view.mark(comment.id, "refused", `not accepted: ${why}`, [
      ["Change it", () => { composer.restore(comment); refresh(); }],
      ["Discard", () => refresh()],
    ]);
  },
});

const feed = new Feed(`thread:${thread}`, {
  state: (name, until) => {
    if (name === "live" && line.state !== "live") outbox.retryNow();
    line.show(name, until);
  },
  reset: () => view.reset(),
  events: (events) => {
    let fromOthers = 0;
    for (const event of events) {
      try {
        fromOthers += take(event) ? 1 : 0;
      } catch (error) {
        // One event that cannot be shown must not stand in the way of those after it.
        console.error("event not shown", event, error);
      }
    }
    refresh();
    if (events.length > 0) position.added(isHistory ? 0 : fromOthers);
    isHistory = false;
    view.settled();
  },
});

/** Shows an event of the feed. True when it is a comment by another. */
function take(event) {
  received += 1;
  switch (event.type ?? "comment.created") {
    case "comment.created":
      view.add(event);
      return !settle(event);
    case "comment.edited":
      view.edit(event);
      return false;
    case "comment.deleted":
      view.remove(event);
      return false;
    default:
      return false;
  }
}

/** Settles one of the visitor's own comments; false when it is another's. */
function settle(event) {
  outbox.remove(event.id);
  const posted = postedAt.get(event.id);
  if (posted === undefined) return false;
  postedAt.delete(event.id);
  $("#foot-latency").textContent = `${Math.round(performance.now() - posted)} ms`;
  return true;
}

function refresh() {
  $("#empty").hidden = !view.isEmpty;
  $("#foot-events").textContent = received.toLocaleString("en");
}

composer.onPost = (comment) => {
  postedAt.set(comment.id, performance.now());
  view.addPending(comment);
  refresh();
  position.goToEnd();
  outbox.add(comment);
};
view.onReply = (comment) => composer.replyTo(comment);

$("#title").textContent = thread;
document.title = `${thread} · Tidings`;
// A comment as a shell takes it: an apostrophe ends the quotes, stands escaped, and begins them again.
const quoted = (text) => `'${JSON.stringify({ thread, text }).replaceAll("'", "'\\''")}'`;
$("#try-redis").textContent = `redis-cli RPUSH comments:incoming ${quoted("hi from redis-cli")}`;
$("#try-curl").textContent = `curl ${location.origin}/v1/comments -d ${quoted("hi from curl")}`;

$("#retry").addEventListener("click", () => feed.retryNow());
addEventListener("online", () => feed.retryNow());
document.addEventListener("visibilitychange", () => document.hidden || feed.retryNow());
addEventListener("beforeunload", (event) => outbox.isEmpty || event.preventDefault());
setInterval(() => line.tick(), 250);
setInterval(() => view.refreshTimes(), 15_000);
feed.run();
