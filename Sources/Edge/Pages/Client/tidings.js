/*!
 * tidings.js: follows channels of a Tidings edge from a browser, and writes comments. One file, no dependencies.
 * A classic script that sets the global `Tidings`; `tidings.mjs` beside it is the same as a module.
 * How to use it: docs/client.md. What it says to the server: docs/protocol.md.
 */
(function (root) {
  "use strict";

  /** Names the language that tabs speak with each other. Tabs of different versions keep connections of their own. */
  const DIALECT = 1;

  /** How long a poll is held while the line is not known to work, or a channel has no place yet, in s. */
  const SHORT_HOLD = 1;

  /** How long an answer may be late, beyond the longest hold, before it is given up, in ms. */
  const GRACE = 10_000;

  /** While the browser says that there is no network: the pause between two attempts, in ms. It may be wrong. */
  const OFFLINE_PAUSE = 30_000;

  /** The longest query of a poll, in characters. The edge takes a target of 8 KiB. */
  const QUERY_ROOM = 7000;

  /** Streams that end without a word, one after the other, before polls take their place. */
  const STREAM_ATTEMPTS = 3;

  /** How long polls then take their place before a stream is tried again: at first, and at most, in ms. */
  const STREAM_RETREAT = 60_000;
  const STREAM_RETREAT_CAP = 3_600_000;

  /** A stream without a word for this time is dead, in ms. The edge says something each minute. */
  const STREAM_SILENCE = 90_000;

  /** How long one attempt to write may take, in ms. */
  const WRITE_TIMEOUT = 20_000;

  /** For how long a write is tried again, in ms: well within the ten minutes in which the pipeline knows a repeat. */
  const WRITE_PATIENCE = 120_000;

  /** How many comments a browser remembers as its own, and a list holds unless told otherwise. */
  const MOST_OWN = 500;
  const MOST_LISTED = 1000;

  /** How long a list waits for a newer version of a comment to come again, before it believes an older one, in ms. */
  const DOUBT = 10_000;

  /** Resolves after `ms`, or when `signal` aborts. Never rejects. */
  const sleep = (ms, signal) => new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });

  /** A random id. `crypto.randomUUID` is missing where a page comes over plain HTTP. */
  const randomID = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0")).join("");

  /** Names a comment: its `id` is unique within its conversation only. Neither holds a line end. */
  const nameOf = ({ thread, id }) => `${thread}\n${id}`;

  /** Shows an error of the page's own code where uncaught errors go, and lets the caller continue. */
  const report = (error) => {
    if (typeof root.reportError === "function") root.reportError(error);
    else setTimeout(() => { throw error; });
  };

  /**
   * What a server said no to, or why an attempt failed.
   *
   * `status` is the HTTP status; 0 when there was no answer, or one that no edge gives.
   */
  class TidingsError extends Error {
    constructor(status, message, { channel, event, retryAfter = 0 } = {}) {
      super(message);
      this.name = "TidingsError";
      this.status = status;
      this.channel = channel;
      /** What was to be written. */
      this.event = event;
      /** The pause that the server asks for, in ms. */
      this.retryAfter = retryAfter;
    }

    /** The error that an answer carries which is no success. */
    static async of(response) {
      const text = (await response.text().catch(() => "")).trim().slice(0, 500);
      let message = text;
      try { message = String(JSON.parse(text).error ?? text); } catch { /* plain text */ }
      const seconds = Number(response.headers.get("Retry-After"));
      const retryAfter = seconds > 0 ? Math.min(seconds, 3600) * 1000 : 0;
      return new TidingsError(response.status, message || `status ${response.status}`, { retryAfter });
    }

    /** Whether to ask the same again is pointless. */
    get isFinal() {
      return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
    }

    /** Whether the same write may be taken soon, without anybody's doing. A limit (429) is for the page to show. */
    get isPassing() {
      return !this.isFinal && this.status !== 429;
    }

    /** Whether one channel of several may be what is refused. */
    get concernsChannels() {
      return [400, 403, 414, 431].includes(this.status);
    }
  }

  /**
   * What a position is, as far as a reader needs to know. Pure.
   *
   * Positions are compared as text: their order is that of the stream. The numbers in them are looked at only to find
   * out how far two answers overlap; where they do not say, the answer is no, and the server is asked.
   */
  const Offset = {
    /** Whether it is a place, and not a word for one. */
    isPlace: (offset) => offset !== "-1" && offset !== "now",

    /**
     * `epoch_born_sequence` in its parts; null for anything else. Before the first event of a channel `born` is 0, and
     * the last number is a time.
     */
    parts(offset) {
      const match = /^(\d+)_(\d+)_(\d+)$/.exec(offset);
      if (!match) return null;
      const isUnborn = Number(match[2]) === 0;
      return { epoch: match[1], born: match[2], isUnborn, sequence: isUnborn ? 0 : Number(match[3]) };
    },

    /** How many of the events of `news` come before `offset`; null when that cannot be told. */
    overlap(news, offset) {
      const [from, own, next] = [news.from, offset, news.next].map(Offset.parts);
      if (news.reset || !from || !own || !next) return null;
      if (from.epoch !== own.epoch || own.epoch !== next.epoch) return null;
      // Both before the first event: what is new after the earlier place is new after the later one.
      if (from.isUnborn && own.isUnborn) return offset >= news.from ? 0 : null;
      if (own.born !== next.born) return null;
      if (from.born !== own.born && !from.isUnborn) return null;
      const known = own.sequence - from.sequence;
      // Every number has its event: none was taken out of the history.
      const isDense = next.sequence - from.sequence === news.events.length;
      return isDense && known >= 0 && known <= news.events.length ? known : null;
    },
  };

  /** Exponential backoff with full jitter: anything between nothing and a ceiling that doubles with each failure. */
  class Backoff {
    static base = 250;
    static cap = 30_000;
    #failures = 0;

    /** The next pause, in ms. */
    next() {
      const ceiling = Math.min(Backoff.cap, Backoff.base * 2 ** this.#failures);
      this.#failures += 1;
      return Math.random() * ceiling;
    }

    reset() {
      this.#failures = 0;
    }
  }

  /** What is kept across page loads. Where storage is missing or forbidden nothing is kept. */
  class Store {
    #area = null;
    #prefix;

    /** `area` is "session", "local" or null. */
    constructor(area, prefix) {
      this.#prefix = prefix;
      try {
        if (area === "session") this.#area = root.sessionStorage ?? null;
        if (area === "local") this.#area = root.localStorage ?? null;
      } catch { /* forbidden */ }
    }

    get(name) {
      try { return this.#area?.getItem(this.#prefix + name) ?? null; } catch { return null; }
    }

    set(name, value) {
      try { this.#area?.setItem(this.#prefix + name, value); } catch { /* full or forbidden */ }
    }
  }

  /**
   * What shows an edge that this browser wrote a comment without a token: the edit key, and the names of the comments
   * that it was shown with.
   *
   * The browser makes the key, so that an answer that is lost loses no key. It belongs to one origin of an edge. Where
   * nothing can be stored it lives as long as the page.
   */
  class EditKey {
    #store;
    #lock;
    #text = null;
    #own = new Set();

    /** `area` as in `Store`; `origin` is the edge's. */
    constructor(area, origin) {
      this.#lock = `tidings key ${origin}`;
      this.#store = new Store(area, `tidings-writer:${origin}:`);
      this.reload();
    }

    /** The key: 128 random bits, base64url. Made once for all tabs. */
    async text() {
      if (this.#text) return this.#text;
      const make = () => {
        this.reload();
        if (!this.#text) {
          const bytes = crypto.getRandomValues(new Uint8Array(16));
          this.keep(btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, ""));
        }
      };
      // Where there is no storage to share, the lock may be forbidden as well.
      try { await root.navigator?.locks?.request(this.#lock, make); } catch { /* then without */ }
      make();
      return this.#text;
    }

    /** Takes a key that the edge has given. */
    keep(text) {
      this.#text = text;
      this.#store.set("key", text);
    }

    /** Whether the comment was posted with the key. */
    owns(comment) {
      return this.#own.has(nameOf(comment));
    }

    claim(comment) {
      this.reload();
      this.#own.delete(nameOf(comment));
      this.#own.add(nameOf(comment));
      this.#store.set("own", JSON.stringify([...this.#own].slice(-MOST_OWN)));
    }

    /** It was not taken. */
    disclaim(comment) {
      if (!this.#own.delete(nameOf(comment))) return;
      this.#store.set("own", JSON.stringify([...this.#own].slice(-MOST_OWN)));
    }

    /** Takes over what other tabs have written. */
    reload() {
      const key = this.#store.get("key");
      if (/^[\w-]{22,64}$/.test(key ?? "")) this.#text ??= key;
      try {
        for (const name of JSON.parse(this.#store.get("own") ?? "[]")) this.#own.add(String(name));
      } catch { /* not ours */ }
    }
  }

  /** The requests of one edge: addresses, tokens, deadlines. */
  class Requests {
    #base;
    #provider;
    #token = null;
    #pending = null;
    #read = { token: null, claims: null };

    /** `token` is a string, a function that gives one or promises one, or nothing. */
    constructor(base, token) {
      this.#base = base;
      this.#provider = token;
      if (typeof token === "string") this.#token = token;
    }

    /**
     * One poll, answered when there is news or after `hold` seconds and a fifth.
     *
     * `channels` has [channel, offset]. Throws TidingsError. A token that is refused is renewed once.
     */
    async poll(channels, hold, signal) {
      const address = this.#address("poll", channels) + `&timeout=${hold}`;
      return Requests.#checked(await this.#ask(address, {}, () => this.#authorization(), hold * 1200 + GRACE, signal));
    }

    /**
     * One attempt to write an event. Returns what the edge has answered.
     *
     * `credentials` gives the header fields that say who writes. Throws as `poll` does.
     */
    async write(event, credentials, signal) {
      // A redirect would show the edit key to another.
      const init = { method: "POST", body: JSON.stringify(event), redirect: "error" };
      const answer = await this.#ask(`${this.#base}/v1/comments`, init, credentials, WRITE_TIMEOUT, signal);
      if (!Array.isArray(answer?.ids)) throw new TidingsError(0, "this is no answer of an edge; is the address right?");
      return answer;
    }

    /** A stream of answers over the same channels. */
    async stream(channels) {
      const token = await this.token();
      const address = this.#address("events", channels);
      // An EventSource cannot send header fields.
      return new EventSource(token ? `${address}&access_token=${encodeURIComponent(token)}` : address);
    }

    /** What a message of a stream says. Throws TidingsError when it says nothing that an edge says. */
    static parse(text) {
      try {
        return Requests.#checked(JSON.parse(text));
      } catch (error) {
        throw error instanceof TidingsError ? error : new TidingsError(0, "this is no answer of an edge");
      }
    }

    /** The token, or null. With `anew` one that was not used before, as far as the provider goes along. */
    async token(anew = false) {
      if (typeof this.#provider !== "function" || (this.#token !== null && !anew)) return this.#token;
      this.#pending ??= (async () => {
        try {
          this.#token = await this.#provider() ?? null;
        } finally {
          this.#pending = null;
        }
      })();
      await this.#pending;
      return this.#token;
    }

    /** The length that a channel takes of a query, at most. */
    static length(channel) {
      return encodeURIComponent(channel).length + 48;
    }

    /** Who is behind the token: its `sub`; null when it names nobody, or there is none. Not verified. */
    get subject() {
      return this.#claims?.sub ?? null;
    }

    /** Whether the token may speak for a writer. One that is no JWT is not ours to judge. */
    get canWrite() {
      return Boolean(this.#token) && (this.subject !== null || !this.#claims);
    }

    /** What the token says; null when it is no JWT. */
    get #claims() {
      if (this.#read.token !== this.#token) this.#read = { token: this.#token, claims: Requests.#decoded(this.#token) };
      return this.#read.claims;
    }

    static #decoded(token) {
      try {
        const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
        return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
      } catch {
        return null;
      }
    }

    async #authorization() {
      const token = await this.token();
      return token ? { Authorization: `Bearer ${token}` } : {};
    }

    /** The JSON of an answer. `credentials` is called again after a token was renewed. */
    async #ask(address, init, credentials, ms, signal) {
      const interrupt = new AbortController();
      const abort = () => interrupt.abort();
      const timer = setTimeout(abort, ms);
      signal.addEventListener("abort", abort);
      const send = async () => {
        const headers = await credentials();
        if (init.body) headers["Content-Type"] = "application/json";
        return fetch(address, { cache: "no-store", ...init, headers, signal: interrupt.signal });
      };
      try {
        if (signal.aborted) abort();
        let response = await send();
        if ((response.status === 401 || response.status === 403) && typeof this.#provider === "function") {
          await this.token(true);
          response = await send();
        }
        if (!response.ok) throw await TidingsError.of(response);
        return await response.json();
      } catch (error) {
        throw error instanceof TidingsError ? error : new TidingsError(0, `no answer: ${error?.message ?? error}`);
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    }

    #address(endpoint, channels) {
      const items = channels.map(([channel, offset]) => "c=" + encodeURIComponent(`${channel}@${offset}`)
        .replace(/%(3A|40)/g, decodeURIComponent));
      return `${this.#base}/v1/${endpoint}?${items.join("&")}`;
    }

    static #checked(answer) {
      const isObject = (value) => typeof value === "object" && value !== null;
      const isGood = isObject(answer) && isObject(answer.channels) && Object.values(answer.channels).every((item) =>
        isObject(item) && typeof item.next === "string" && Array.isArray(item.events));
      if (!isGood) throw new TidingsError(0, "this is no answer of an edge; is the address right?");
      return answer;
    }
  }

  /**
   * Writes events: those of one conversation one after the other, each until it is taken or refused.
   *
   * An event goes out unchanged in each attempt, so the pipeline knows the repeats.
   */
  class Writer {
    #requests;
    #key;
    /** [thread, promise]: what must be done before the next. */
    #tails = new Map();
    #naps = new Set();
    #end = new AbortController();

    constructor(requests, key) {
      this.#requests = requests;
      this.#key = key;
    }

    /** Resolves when the edge has taken the event. Rejects with TidingsError, or with the reason of `signal`. */
    async write(event, { signal, onRetry }) {
      const interrupt = new AbortController();
      const abort = () => interrupt.abort();
      for (const each of [signal, this.#end.signal]) each?.addEventListener("abort", abort);
      if (signal?.aborted || this.#end.signal.aborted) abort();
      const thread = String(event.thread);
      const turn = this.#tails.get(thread);
      const stopped = new Promise((resolve) => {
        if (interrupt.signal.aborted) resolve();
        interrupt.signal.addEventListener("abort", resolve);
      });
      const done = Promise.race([turn, stopped]).then(() => this.#deliver(event, interrupt.signal, onRetry));
      const tail = Promise.allSettled([turn, done]);
      this.#tails.set(thread, tail);
      try {
        return await done;
      } catch (error) {
        if (!interrupt.signal.aborted) throw error;
        throw signal?.reason ?? new DOMException("The write was aborted.", "AbortError");
      } finally {
        for (const each of [signal, this.#end.signal]) each?.removeEventListener("abort", abort);
        tail.then(() => { if (this.#tails.get(thread) === tail) this.#tails.delete(thread); });
      }
    }

    /** Tries now what waits for its time. A pause that the server asks for is kept. */
    retry() {
      for (const nap of this.#naps) nap.abort();
    }

    end() {
      this.#end.abort();
    }

    async #deliver(event, signal, onRetry) {
      const start = performance.now();
      const backoff = new Backoff();
      for (;;) {
        try {
          if (signal.aborted) throw new TidingsError(0, "not wanted any more");
          const { edit_key: key } = await this.#requests.write(event, () => this.#credentials(event), signal);
          if (typeof key === "string") this.#key.keep(key);
          return event;
        } catch ({ status, message, retryAfter, isFinal, isPassing }) {
          const error = new TidingsError(status, message, { event, retryAfter });
          const pause = backoff.next() + retryAfter;
          if (signal.aborted || !isPassing || performance.now() - start + pause > WRITE_PATIENCE) {
            if (isFinal && event.type === "comment.created") this.#key.disclaim(event);
            throw error;
          }
          try { onRetry?.(error, { until: Date.now() + pause }); } catch (error) { report(error); }
          await this.#nap(pause, signal, retryAfter > 0);
        }
      }
    }

    /** The token; without one, and for what was posted without one, the edit key. */
    async #credentials(event) {
      const token = await this.#requests.token();
      const isNew = event.type === "comment.created";
      if (this.#requests.canWrite && (isNew || !this.#key.owns(event))) return { Authorization: `Bearer ${token}` };
      // Before it is sent: it may come through its channel before the answer does.
      if (isNew) this.#key.claim(event);
      return { "Edit-Key": await this.#key.text() };
    }

    async #nap(ms, signal, isAsked) {
      const nap = new AbortController();
      const abort = () => nap.abort();
      signal.addEventListener("abort", abort);
      if (!isAsked) this.#naps.add(nap);
      if (!signal.aborted) await sleep(ms, nap.signal);
      this.#naps.delete(nap);
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * One connection: asks again and again for what is new on up to a poll's worth of channels.
   *
   * Its positions are the only memory. A request that failed is made again as it was.
   */
  class Link {
    /** [channel, offset]: the place after all that was received. */
    channels = new Map();
    /** "connecting", "live", "waiting" or "offline". */
    state = "connecting";
    /** While it waits: when it tries again, in ms since 1970. */
    until = 0;
    #owner;
    #room = QUERY_ROOM;
    #backoff = new Backoff();
    #end = new AbortController();
    #round = new AbortController();
    #nap = new AbortController();
    #hasStranger = false;
    #isRunning = false;

    constructor(owner) {
      this.#owner = owner;
    }

    hasRoom(channel) {
      return this.channels.size < this.#owner.channelsPerPoll && Requests.length(channel) <= this.#room;
    }

    add(channel, offset) {
      this.channels.set(channel, offset);
      this.#room -= Requests.length(channel);
      this.#hasStranger = true;
      this.#round.abort();
      if (this.#isRunning) return;
      this.#isRunning = true;
      this.#run();
    }

    /** What a request under way brings for it counts for nothing. */
    remove(channel) {
      if (this.channels.delete(channel)) this.#room += Requests.length(channel);
    }

    /** The network may be another now: tries at once, if it is not waiting because the server wants it to. */
    retry() {
      this.#nap.abort();
    }

    /** The network may be gone: finds out at once. */
    doubt() {
      if (this.state !== "live") return;
      this.#setState("connecting");
      this.#round.abort();
    }

    end() {
      this.channels.clear();
      this.#end.abort();
      this.#round.abort();
      this.#nap.abort();
    }

    async #run() {
      // Those that are wanted together are added together.
      await null;
      while (!this.#end.signal.aborted) {
        this.#round = new AbortController();
        const { signal } = this.#round;
        try {
          const pause = await (this.#owner.usesStreams ? this.#stream(signal) : this.#poll(signal));
          // Spread, or all readers would come back in the same instant.
          if (pause > 0) await sleep(pause * (1 + Math.random()), this.#end.signal);
        } catch (error) {
          if (signal.aborted) continue;
          await this.#failed(error instanceof TidingsError ? error : new TidingsError(0, String(error)));
        }
      }
    }

    async #poll(signal) {
      const asked = [...this.channels];
      const needsPlace = this.#hasStranger || asked.some(([, offset]) => !Offset.isPlace(offset));
      this.#hasStranger = false;
      const isShort = needsPlace || this.state !== "live" || this.#owner.isSearching;
      try {
        const answer = await this.#owner.requests.poll(asked, isShort ? SHORT_HOLD : this.#owner.hold, signal);
        if (signal.aborted) throw new TidingsError(0, "not wanted any more");
        this.#take(answer, new Map(asked));
        return Number(answer.wait) || 0;
      } catch (error) {
        this.#hasStranger ||= needsPlace;
        throw error;
      }
    }

    async #stream(signal) {
      const asked = [...this.channels];
      const source = await this.#owner.requests.stream(asked);
      let timer;
      let isGood = false;
      this.#hasStranger = false;
      try {
        await new Promise((resolve, reject) => {
          // The edge names all places at once: what is silent at first is held back on the way.
          const listen = () => {
            clearTimeout(timer);
            const patience = isGood ? STREAM_SILENCE : GRACE;
            timer = setTimeout(() => reject(new TidingsError(0, "the stream is silent")), patience);
          };
          listen();
          signal.addEventListener("abort", resolve);
          if (signal.aborted) resolve();
          source.onopen = listen;
          source.onmessage = (message) => {
            try {
              const answer = Requests.parse(message.data);
              isGood = true;
              this.#owner.streamWorks();
              listen();
              this.#take(answer, this.channels);
            } catch (error) {
              reject(error);
            }
          };
          // It is opened anew from here, with the positions of now, and without the pause that browsers make.
          source.onerror = () => (isGood ? resolve() : reject(new TidingsError(0, "the stream has ended")));
        });
      } catch (error) {
        this.#owner.streamFails();
        // It may have been the token; an EventSource does not tell.
        await this.#owner.requests.token(true);
        throw error;
      } finally {
        clearTimeout(timer);
        source.close();
      }
      return isGood && !signal.aborted ? Backoff.base : 0;
    }

    #take(answer, asked) {
      this.#backoff.reset();
      const news = new Map();
      for (const [channel, { next, events, reset, closed }] of Object.entries(answer.channels)) {
        const from = asked.get(channel);
        // Not asked for, or not any more, or asked for anew from another place.
        if (from === undefined || this.channels.get(channel) !== from) continue;
        this.channels.set(channel, next);
        news.set(channel, { from, next, events, reset: reset === true, closed: closed === true });
      }
      this.#setState("live");
      this.#owner.took(news);
    }

    async #failed(error) {
      if (error.isFinal) return this.#owner.refused(this, error);
      const isOffline = root.navigator?.onLine === false;
      const delay = this.#backoff.next() + Math.max(error.retryAfter, isOffline ? OFFLINE_PAUSE : 0);
      this.until = Date.now() + delay;
      this.#nap = new AbortController();
      this.#setState(isOffline ? "offline" : "waiting");
      // What the server has asked for is kept whatever happens to the network.
      await sleep(delay, error.retryAfter ? this.#end.signal : this.#nap.signal);
      if (!this.#end.signal.aborted) this.#setState("connecting");
    }

    #setState(state) {
      if (this.state === state && state !== "waiting") return;
      this.state = state;
      if (state === "live" || state === "connecting") this.until = 0;
      this.#owner.changed();
    }
  }

  /**
   * Follows any number of channels over as few links as will do.
   *
   * A refusal that may concern one channel of several is narrowed down: the link is split in halves until the channel
   * stands alone, and put together again without it.
   */
  class Line {
    requests;
    hold;
    channelsPerPoll;
    isSearching = false;
    #links = new Set();
    #wantsStreams;
    #streamFailures = 0;
    /** Until when polls take the place of streams, on the clock of the page, and how long the next such time is, in ms. */
    #retreatEnd = 0;
    #retreat = STREAM_RETREAT;
    #delegate;

    /** `delegate` has `lineTook(news)`, `lineRefused(channel, error)` and `lineChanged()`. */
    constructor(requests, { hold, channelsPerPoll, transport }, delegate) {
      this.requests = requests;
      this.hold = hold;
      this.channelsPerPoll = channelsPerPoll;
      this.#wantsStreams = transport === "sse" && typeof root.EventSource === "function";
      this.#delegate = delegate;
    }

    get usesStreams() {
      return this.#wantsStreams && performance.now() >= this.#retreatEnd;
    }

    /** Follows these channels and no others. The offset counts for those that it does not follow yet. */
    want(wanted) {
      const known = this.places;
      for (const link of this.#links) {
        for (const channel of [...link.channels.keys()]) if (!wanted.has(channel)) link.remove(channel);
        if (link.channels.size === 0) this.#drop(link);
      }
      for (const [channel, offset] of wanted) {
        if (known.has(channel)) continue;
        const link = [...this.#links].find((link) => link.hasRoom(channel)) ?? this.#open();
        link.add(channel, offset);
      }
      this.changed();
    }

    /** [channel, offset]: where it stands. */
    get places() {
      return new Map([...this.#links].flatMap((link) => [...link.channels]));
    }

    /** The state of all links: the worst of them. "idle" when there are none. */
    get state() {
      const states = [...this.#links].map((link) => link.state);
      return ["offline", "waiting", "connecting", "live"].find((state) => states.includes(state)) ?? "idle";
    }

    /** When the next attempt is made, in ms since 1970; 0 when none is waited for. */
    get until() {
      const times = [...this.#links].map((link) => link.until).filter((time) => time > 0);
      return times.length > 0 ? Math.min(...times) : 0;
    }

    retry() {
      for (const link of this.#links) link.retry();
    }

    doubt() {
      for (const link of this.#links) link.doubt();
    }

    end() {
      for (const link of [...this.#links]) this.#drop(link);
    }

    // Called by links.

    streamWorks() {
      this.#streamFailures = 0;
      this.#retreat = STREAM_RETREAT;
    }

    /** The edge may be away, or something on the way may not let streams through: polls tell which. */
    streamFails() {
      this.#streamFailures += 1;
      if (this.#streamFailures < STREAM_ATTEMPTS) return;
      this.#retreatEnd = performance.now() + this.#retreat;
      this.#retreat = Math.min(this.#retreat * 2, STREAM_RETREAT_CAP);
      // Then one attempt is enough.
      this.#streamFailures = STREAM_ATTEMPTS - 1;
    }

    took(news) {
      if (this.isSearching && this.state === "live") this.isSearching = false;
      this.#delegate.lineTook(news);
    }

    changed() {
      this.#delegate.lineChanged();
    }

    refused(link, error) {
      const channels = [...link.channels];
      this.#drop(link);
      if (channels.length > 1 && error.concernsChannels) {
        this.isSearching = true;
        const middle = channels.length / 2;
        for (const half of [channels.slice(0, middle), channels.slice(middle)]) {
          const link = this.#open();
          for (const [channel, offset] of half) link.add(channel, offset);
        }
      } else {
        const rest = this.places;
        this.end();
        this.want(rest);
        for (const [channel] of channels) {
          this.#delegate.lineRefused(channel, new TidingsError(error.status, error.message, { channel }));
        }
      }
      this.changed();
    }

    #open() {
      const link = new Link(this);
      this.#links.add(link);
      return link;
    }

    #drop(link) {
      this.#links.delete(link);
      link.end();
    }
  }

  /**
   * The tabs of one browser that share a line: who leads, who is there, and what they tell each other.
   *
   * The leader holds a Web Lock for as long as it lives, so there is one at a time and the next follows at once. Each
   * tab also holds a lock of its own, by which the leader sees who has gone without a word. Nothing depends on there
   * being one leader only: what a tab is told says from which place to which it leads, and is taken only where it fits.
   */
  class Tabs {
    /** How long a leader may be silent before it is asked whether it lives, and then take to answer, in ms. */
    static silence = 60_000;
    static patience = 5_000;

    id = randomID();
    isLeader = false;
    #name;
    #delegate;
    #channel = null;
    #end = new AbortController();
    #release = () => {};
    /** A lock is held until this resolves. */
    #held = new Promise((resolve) => { this.#release = resolve; });
    #watch = 0;

    /** `delegate` has `tabsLead()`, `tabsFollow()`, `tabsJoin()`, `tabsFailed()`, `tabsSaid(message)`. */
    constructor(name, delegate) {
      this.#name = name;
      this.#delegate = delegate;
    }

    static get isPossible() {
      return typeof root.BroadcastChannel === "function" && typeof root.navigator?.locks?.request === "function";
    }

    start() {
      const { signal } = this.#end;
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = ({ data }) => {
        if (data.isLeader) this.#expect(Tabs.silence);
        this.#delegate.tabsSaid(data);
      };
      const failed = () => { if (!signal.aborted) this.#delegate.tabsFailed(); };
      navigator.locks.request(this.#mark(this.id), { signal }, () => {
        if (signal.aborted) return undefined;
        this.#delegate.tabsJoin();
        this.#expect(Tabs.patience, true);
        this.#queue();
        return this.#held;
      }).catch(failed);
    }

    /** Leaves without a trace: locks and channel are free when this returns, as the back-forward cache wants it. */
    stop() {
      this.#send("leave");
      clearTimeout(this.#watch);
      this.isLeader = false;
      this.#end.abort();
      this.#release();
      this.#channel?.close();
      this.#channel = null;
    }

    send(type, content = {}) {
      this.#send(type, content);
    }

    /** The ids of the tabs that live; null where that cannot be known. */
    async living() {
      if (typeof navigator.locks.query !== "function") return null;
      const prefix = this.#mark("");
      const { held } = await navigator.locks.query();
      return new Set(held.map(({ name }) => name).filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)));
    }

    /** Waits for the lead, or takes it from one that does not answer. */
    #queue(steal = false) {
      const { signal } = this.#end;
      navigator.locks.request(`${this.#name} lead`, steal ? { steal } : { signal }, () => {
        if (signal.aborted) return undefined;
        clearTimeout(this.#watch);
        this.isLeader = true;
        this.#delegate.tabsLead();
        return this.#held;
      }).catch(() => {
        // Taken away: this tab was thought to be dead, and is none the worse for it.
        if (signal.aborted || !this.isLeader) return;
        this.isLeader = false;
        this.#delegate.tabsFollow();
        this.#expect(Tabs.silence);
        this.#queue();
      });
    }

    /** Asks, and then acts, when no leader is heard for `ms`. Hidden tabs leave that to those that are seen. */
    #expect(ms, hasAsked = false) {
      clearTimeout(this.#watch);
      if (this.isLeader) return;
      this.#watch = setTimeout(() => {
        if (root.document?.hidden) return this.#expect(ms, hasAsked);
        if (hasAsked) return this.#queue(true);
        this.#delegate.tabsJoin();
        this.#expect(Tabs.patience, true);
      }, ms);
    }

    #send(type, content = {}) {
      this.#channel?.postMessage({ type, id: this.id, isLeader: this.isLeader, ...content });
    }

    #mark(id) {
      return `${this.#name} tab ${id}`;
    }
  }

  /** One page's interest in one channel. Made by `tidings.subscribe`. */
  class Subscription {
    channel;
    /** The place after the last event whose callback has returned; "now" or "-1" before the first. */
    offset;
    /** As of the whole, and "connecting" while this one is still behind. */
    state = "connecting";
    /** Whether the channel's conversation takes no more comments, as far as was read. */
    isClosed = false;
    /** Whether it reads by itself what the line has passed. */
    isBehind = false;
    #callbacks;
    #owner;
    #early = [];

    constructor(owner, channel, offset, callbacks) {
      this.#owner = owner;
      this.channel = channel;
      this.offset = offset;
      this.#callbacks = callbacks;
    }

    /** Ends it: no callback is called any more. */
    close() {
      if (this.state === "closed") return;
      this.state = "closed";
      this.#owner.closed(this);
      this.#call("onState", "closed", { until: 0 });
    }

    // Below: for the owner.

    /** Takes what the line brings. Exactly what fits to its place is delivered. */
    offer(news) {
      if (this.state === "closed") return;
      if (this.isBehind) {
        this.#early.push(news);
        if (this.#early.length > 256) this.#early.shift();
      } else if (!this.#takes(news)) {
        this.#fallBehind();
      }
    }

    /** Compares its place with that of the line. */
    meet(head) {
      if (this.state === "closed" || this.isBehind || head === undefined) return;
      if (this.offset === "now" && Offset.isPlace(head)) this.#move(head);
      else if (!this.#isLevel(head)) this.#fallBehind();
    }

    /** Takes what it has read by itself. Then goes on with the line, if that is where it stands now. */
    catchUp(news, head) {
      if (this.state === "closed") return;
      this.#deliver(news, news.events);
      const early = this.#early;
      this.#early = [];
      for (const news of early) this.#takes(news);
      this.isBehind = head !== undefined && !this.#isLevel(head);
    }

    fail(error) {
      if (this.state === "closed") return;
      if (this.#callbacks.onError) this.#call("onError", error);
      else report(error);
      this.close();
    }

    /** Shows the state of the whole, as far as it is this one's. */
    show(state, until) {
      if (this.state === "closed") return;
      const own = state === "live" && (this.isBehind || !Offset.isPlace(this.offset)) ? "connecting" : state;
      if (this.state === own && own !== "waiting") return;
      this.state = own;
      this.#call("onState", own, { until });
    }

    /** Whether nothing is missing between its place and the line's; also while that is not known yet. */
    #isLevel(head) {
      if (this.offset === head || !Offset.isPlace(head)) return true;
      return Offset.isPlace(this.offset) && this.offset > head;
    }

    /** False when something is missing before the news. */
    #takes(news) {
      if (news.from === this.offset) {
        this.#deliver(news, news.events);
        return true;
      }
      if (this.offset === "now") {
        this.#deliver({ ...news, reset: false }, []);
        return true;
      }
      if (news.next === this.offset) return true;
      if (news.reset || !Offset.isPlace(this.offset)) return false;
      if (news.next < this.offset) return true;
      const known = Offset.overlap(news, this.offset);
      if (known === null) return false;
      this.#deliver(news, news.events.slice(known));
      return true;
    }

    #deliver(news, events) {
      const { channel } = this;
      if (news.reset) {
        this.#setClosed(false);
        this.#call("onReset", { channel });
      }
      events.forEach((event, index) => {
        if (this.state === "closed") return;
        this.#look(event);
        this.#call("onEvent", event, { channel, offset: news.next, isLast: index === events.length - 1 });
      });
      if (this.state === "closed") return;
      // The event that says so may have left the history.
      if (news.closed) this.#setClosed(true);
      this.#move(news.next);
    }

    /** A conversation's own channel is closed and opened by its events; another channel by none. */
    #look(event) {
      if (`thread:${event?.thread}` !== this.channel) return;
      if (event.type === "thread.closed") this.#setClosed(true);
      if (event.type === "thread.opened") this.#setClosed(false);
    }

    #setClosed(isClosed) {
      if (this.isClosed === isClosed) return;
      this.isClosed = isClosed;
      this.#call("onClosed", { channel: this.channel, isClosed });
    }

    #move(offset) {
      this.offset = offset;
      this.#owner.moved(this);
    }

    #fallBehind() {
      this.isBehind = true;
      this.#owner.fellBehind(this);
    }

    /** A callback that throws is the page's affair: it is reported, and the stream goes on. */
    #call(name, ...values) {
      try {
        this.#callbacks[name]?.(...values);
      } catch (error) {
        if (name === "onError" || !this.#callbacks.onError) report(error);
        else this.#call("onError", error);
      }
    }
  }

  /**
   * The steps that lead from one list of comments to another, in the order in which they are to be taken. Pure.
   *
   * Each has `type` ("insert", "update" or "remove"), `index` (in the list as the steps before have left it) and
   * `comment`. `isStale(comment)`: it is to be shown anew although it is the same.
   */
  const stepsBetween = (before, after, isStale) => {
    const steps = [];
    const list = [...before];
    const wanted = new Set(after.map(nameOf));
    const remove = (index) => steps.push({ type: "remove", index, comment: list.splice(index, 1)[0] });
    for (let index = list.length - 1; index >= 0; index -= 1) if (!wanted.has(nameOf(list[index]))) remove(index);
    const kept = new Set(list.map(nameOf));
    after.forEach((comment, index) => {
      const name = nameOf(comment);
      const old = list[index];
      if (old && nameOf(old) === name) {
        const isSame = old === comment || JSON.stringify(old) === JSON.stringify(comment);
        if (!isSame || isStale(comment)) steps.push({ type: "update", index, comment });
        return;
      }
      if (kept.has(name)) remove(list.findIndex((comment) => nameOf(comment) === name));
      list.splice(index, 0, comment);
      steps.push({ type: "insert", index, comment });
    });
    return steps;
  };

  /** The comments of a channel as they are now, in the order in which they first came. Made by `tidings.list`. */
  class CommentList {
    channel;
    /** The events of the comments, the newest of each; with `created_at`, when the comment first came. */
    comments = [];
    #subscription;
    #owner;
    #options;
    /** [name, { comment, isHidden, older }]: more than is shown. */
    #entries = new Map();
    /** The names of those that were shown as the visitor's own. */
    #mine = new Set();
    #isLive = false;
    #isDue = false;

    /** `owner` has `subscribe(options)`, `isMine(comment)` and `closed()`. */
    constructor(owner, channel, options) {
      this.#owner = owner;
      this.channel = channel;
      this.#options = options;
      const { onState, onError } = options;
      this.#subscription = owner.subscribe({
        from: "-1",
        onEvent: (event) => this.#take(event),
        onReset: () => {
          this.#entries.clear();
          this.touch();
        },
        onClosed: () => this.touch(),
        onState: (state, detail) => {
          // A page learns once that there is nothing.
          if (state === "live" && !this.#isLive) {
            this.#isLive = true;
            this.touch();
          }
          onState?.(state, detail);
        },
        onError,
      });
    }

    get state() {
      return this.#subscription.state;
    }

    /** Whether the conversation takes no more comments. */
    get isClosed() {
      return this.#subscription.isClosed;
    }

    /** Whether this browser posted the comment, or the token's holder wrote it. */
    isMine(comment) {
      return this.#owner.isMine(comment);
    }

    /** Ends it: no callback is called any more, but `onState` with "closed". */
    close() {
      this.#subscription.close();
      this.#owner.closed();
    }

    // Below: for the owner.

    /** Tells the page how things stand, once for all that happens in one go. */
    touch() {
      if (this.#isDue) return;
      this.#isDue = true;
      queueMicrotask(() => {
        this.#isDue = false;
        if (this.state === "closed") return;
        const [before, wasMine] = [this.comments, this.#mine];
        this.comments = [...this.#entries.values()].filter(({ isHidden }) => !isHidden).map(({ comment }) => comment);
        this.#mine = new Set(this.comments.filter((comment) => this.isMine(comment)).map(nameOf));
        const isStale = (comment) => wasMine.has(nameOf(comment)) !== this.#mine.has(nameOf(comment));
        try {
          this.#options.onChange?.(this, stepsBetween(before, this.comments, isStale));
        } catch (error) {
          if (this.#options.onError) this.#options.onError(error);
          else report(error);
        }
      });
    }

    #take(event, isSure = false) {
      const isDeleted = event?.type === "comment.deleted";
      if (!isDeleted && event?.type !== "comment.created" && event?.type !== "comment.edited") return;
      const name = nameOf(event);
      const known = this.#entries.get(name);
      if (known && known.comment.received_at > event.received_at && !isSure) return this.#doubt(name, known, event);
      const time = known?.comment.created_at ?? event.created_at ?? event.received_at;
      const comment = time === undefined ? event : { ...event, created_at: time };
      this.#entries.set(name, { comment, isHidden: isDeleted && !this.#hasPlace(known, comment) });
      if (this.#entries.size > this.#options.limit) this.#entries.delete(this.#entries.keys().next().value);
      this.touch();
    }

    /**
     * An older version comes after a newer one.
     *
     * An edge gives the newest text in the place of older ones; another that lags behind may still give those, and then
     * the newest comes once more. If it does not, a clock has stepped back: the order of the channel is the right one.
     */
    #doubt(name, known, event) {
      if (!known.older) {
        setTimeout(() => { if (this.#entries.get(name) === known) this.#take(known.older, true); }, DOUBT);
      }
      known.older = event;
    }

    /**
     * Whether a deletion is shown: where the comment stood.
     *
     * A history has the deletion of a comment twice: at the comment's place, and at its end. One that has it once has
     * lost the place, and there is nothing to show.
     */
    #hasPlace(known, { received_at: time }) {
      if (!this.#options.tombstones || !known) return false;
      const { comment, isHidden } = known;
      return !isHidden || (comment.type === "comment.deleted" && comment.received_at === time);
    }
  }

  /** Reads for subscriptions that are behind the line what they have missed: one request at a time. */
  class CatchUp {
    #requests;
    #owner;
    #behind = new Set();
    #backoff = new Backoff();
    #end = new AbortController();
    #isRunning = false;
    #isCareful = false;

    /** `owner` has `head(channel)` and `refresh(subscription)`. */
    constructor(requests, owner) {
      this.#requests = requests;
      this.#owner = owner;
    }

    add(subscription) {
      this.#behind.add(subscription);
      if (!this.#isRunning) this.#run();
    }

    /** Forgets all that is under way. */
    stop() {
      for (const subscription of this.#behind) subscription.isBehind = false;
      this.#behind.clear();
      this.#end.abort();
      this.#end = new AbortController();
    }

    async #run() {
      this.#isRunning = true;
      await null;
      for (let asked; (asked = this.#next()).size > 0;) await this.#round(asked, this.#end.signal);
      this.#isRunning = false;
    }

    /** One subscription for each channel, as many as one request takes. */
    #next() {
      const asked = new Map();
      for (const subscription of this.#behind) {
        if (subscription.state === "closed") this.#behind.delete(subscription);
        else if (!asked.has(subscription.channel)) asked.set(subscription.channel, subscription);
        if (asked.size === (this.#isCareful ? 1 : 20)) break;
      }
      return asked;
    }

    async #round(asked, signal) {
      const places = [...asked].map(([channel, { offset }]) => [channel, offset]);
      try {
        const { channels } = await this.#requests.poll(places, SHORT_HOLD, signal);
        if (signal.aborted) return;
        this.#backoff.reset();
        for (const [channel, from] of places) {
          const subscription = asked.get(channel);
          const item = channels[channel];
          if (!item) continue;
          subscription.catchUp({ ...item, from }, this.#owner.head(channel));
          if (!subscription.isBehind) this.#behind.delete(subscription);
          this.#owner.refresh(subscription);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error.isFinal && asked.size > 1) {
          this.#isCareful = true;
        } else if (error.isFinal) {
          this.#isCareful = false;
          for (const subscription of asked.values()) {
            this.#behind.delete(subscription);
            subscription.fail(new TidingsError(error.status, error.message, { channel: subscription.channel }));
          }
        } else {
          await sleep(this.#backoff.next() + error.retryAfter, signal);
        }
      }
    }
  }

  /**
   * Follows channels of one edge for one page.
   *
   * What the line brings, here or in the tab that leads, is offered to every subscription as a step from one place to
   * the next. A subscription takes the step that begins where it stands and reads by itself what it has missed.
   */
  class Tidings {
    static version = "1.1.0";

    /**
     * The plain text of a comment, to be edited: `text` where there is one, else what `html` shows.
     *
     * `html` has no markup but links, mentions and line breaks, and everything else in it is escaped.
     */
    static text({ text, html }) {
      if (typeof text === "string") return text;
      const entities = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
      return String(html ?? "").replace(/<br>/g, "\n").replace(/<[^>]*>/g, "")
        .replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name]);
    }

    /** Called with the state and `{ until }` at each change. */
    onState = null;
    #state = "idle";
    #until = 0;
    #base;
    #options;
    #requests;
    #store;
    #key;
    #writer;
    #line;
    #catchUp;
    #tabs = null;
    /** "alone", "leader", "follower", or "asleep". */
    #role = "asleep";
    /** [channel, offset]: where the line stands that this tab hears. */
    #heads = new Map();
    #subscriptions = new Set();
    #lists = new Set();
    #isUpdating = false;
    #hiding = 0;
    #listeners = [];
    // As a leader: [tab, { channel: offset }], and the channels that were refused on behalf of others.
    #members = new Map();
    #refused = new Set();
    #lastCall = 0;
    #answers = false;
    // As a follower: the leader, what it was told, and the channels that it may not read and this tab perhaps may.
    #leader = null;
    #told = null;
    #solo = new Set();

    constructor(base = root.location?.origin, options = {}) {
      this.#base = new URL(base, root.location?.href).href.replace(/[?#].*$/, "").replace(/\/+$/, "");
      this.#options = {
        transport: "poll", token: null, shared: true, storage: "session", keyStorage: "local", hold: 25,
        channelsPerPoll: 50, hiddenAfter: 300_000, onState: null, ...options,
      };
      const { transport, token, storage, keyStorage, hold } = this.#options;
      if (transport !== "poll" && transport !== "sse") throw new TypeError("transport is either poll or sse");
      if (!Number.isInteger(hold) || hold < 1 || hold > 55) throw new TypeError("hold is 1 to 55 whole seconds");
      this.onState = this.#options.onState;
      this.#requests = new Requests(this.#base, token);
      this.#store = new Store(storage, `tidings:${this.#base}:`);
      this.#key = new EditKey(keyStorage, new URL(this.#base).origin);
      this.#writer = new Writer(this.#requests, this.#key);
      this.#line = new Line(this.#requests, this.#options, this);
      this.#catchUp = new CatchUp(this.#requests, {
        head: (channel) => this.#heads.get(channel),
        refresh: (subscription) => subscription.show(this.#state, this.#until),
      });
      this.#listen();
      this.#wake();
    }

    /** "idle", "connecting", "live", "waiting", "offline", "hidden" or "closed". */
    get state() {
      return this.#state;
    }

    /** Follows a channel. Callbacks are called later, never from within this call. */
    subscribe(channel, options = {}) {
      if (this.#state === "closed") throw new Error("this Tidings is closed");
      if (typeof channel !== "string" || channel === "") throw new TypeError("a channel is named by a string");
      const { from = "resume", otherwise = "now", onEvent, onReset, onClosed, onState, onError } = options;
      const isKept = from === "resume";
      const offset = String(isKept ? this.#store.get(channel) ?? otherwise : from);
      const subscription = new Subscription({
        closed: () => {
          this.#subscriptions.delete(subscription);
          this.#update();
        },
        moved: () => { if (isKept) this.#store.set(channel, subscription.offset); },
        fellBehind: () => {
          this.#catchUp.add(subscription);
          subscription.show(this.#state, this.#until);
        },
      }, channel, offset, { onEvent, onReset, onClosed, onState, onError });
      this.#subscriptions.add(subscription);
      this.#refused.delete(channel);
      this.#update();
      return subscription;
    }

    /** The comments of a channel as they are now: edits at their places, deletions as tombstones. */
    list(channel, { onChange, onState, onError, tombstones = true, limit = MOST_LISTED } = {}) {
      const list = new CommentList({
        subscribe: (options) => this.subscribe(channel, options),
        isMine: (comment) => this.#isMine(comment),
        closed: () => this.#lists.delete(list),
      }, channel, { onChange, onState, onError, tombstones, limit });
      this.#lists.add(list);
      // A tab that another one reads for has not needed its token yet.
      this.#requests.token().then((token) => { if (token) list.touch(); }, () => {});
      return list;
    }

    /**
     * Posts a comment. Resolves with it, as it was sent, when the edge has taken it. Its channel brings it later.
     *
     * Rejects with `Tidings.Error`. After 503 and lost connections it is sent again, without becoming two.
     */
    async post(comment, options = {}) {
      const { id = randomID(), event_id = id } = comment;
      return this.#write({ ...comment, id, event_id, type: "comment.created" }, options);
    }

    /** Replaces a comment of one's own. It is given whole, with the new `text`. As `post` otherwise. */
    async edit(comment, options = {}) {
      // What the pipeline makes of a comment, it makes anew.
      const { html, mentions, channels, received_at: time, created_at = time, ...rest } = comment;
      if (typeof rest.text !== "string") throw new TypeError("an edited comment needs its new text");
      return this.#write({ ...rest, created_at, event_id: randomID(), type: "comment.edited" }, options);
    }

    /** Deletes a comment of one's own. As `post` otherwise. */
    async remove({ thread, id, forum, parent }, options = {}) {
      return this.#write({ thread, id, forum, parent, event_id: randomID(), type: "comment.deleted" }, options);
    }

    /** Tries now what waits for its time, as a button "Try again" does. A pause that the server asks for is kept. */
    retry() {
      this.#line.retry();
      this.#writer.retry();
      if (this.#role === "follower") this.#tabs.send("retry");
    }

    /** Ends everything: connections, timers, listeners, subscriptions. */
    close() {
      if (this.#state === "closed") return;
      this.#sleep("closed");
      this.#writer.end();
      for (const [target, name, listener] of this.#listeners) target.removeEventListener(name, listener);
      for (const subscription of [...this.#subscriptions]) subscription.close();
      this.#lists.clear();
    }

    async #write(event, options) {
      if (this.#state === "closed") throw new Error("this Tidings is closed");
      const isName = (value) => (typeof value === "string" && value !== "") || Number.isInteger(value);
      if (!isName(event.thread) || !isName(event.id)) throw new TypeError("a comment is named by its thread and id");
      try {
        return await this.#writer.write(event, options);
      } finally {
        for (const list of this.#lists) list.touch();
      }
    }

    #isMine(comment) {
      if (this.#key.owns(comment)) return true;
      const { subject } = this.#requests;
      const id = comment.author?.id;
      return subject !== null && id !== undefined && String(id) === subject;
    }

    // Called by the line.

    lineTook(news) {
      this.#take(news);
      if (this.#role !== "leader") return;
      this.#tabs.send("news", { news });
      this.#callRoll();
    }

    lineRefused(channel, error) {
      this.#solo.delete(channel);
      if (this.#role === "leader") {
        this.#refused.add(channel);
        this.#tabs.send("refused", { channel });
      }
      for (const subscription of this.#about(channel)) subscription.fail(error);
      this.#update();
    }

    lineChanged() {
      if (this.#role === "alone" || this.#role === "leader") this.#setState(this.#line.state, this.#line.until);
    }

    // Called by the tabs.

    tabsLead() {
      this.#role = "leader";
      this.#leader = null;
      this.#answers = true;
      this.#solo.clear();
      this.#refused.clear();
      this.#heads.clear();
      this.#update();
    }

    tabsFollow() {
      this.#role = "follower";
      this.#members.clear();
      this.tabsJoin();
    }

    tabsJoin() {
      this.#told = null;
      this.#update();
    }

    tabsFailed() {
      this.#tabs?.stop();
      this.#tabs = null;
      this.#role = "alone";
      this.#update();
    }

    tabsSaid(message) {
      if (this.#role === "leader") this.#lead(message);
      else if (this.#role === "follower") this.#follow(message);
    }

    #lead(message) {
      if (message.type === "join") {
        this.#members.set(message.id, message.channels);
        this.#answers = true;
        this.#update();
      } else if (message.type === "leave") {
        this.#members.delete(message.id);
        this.#update();
      } else if (message.type === "retry") {
        this.#line.retry();
      }
    }

    #follow(message) {
      if (message.type === "lead") {
        if (message.id !== this.#leader) this.#told = null;
        this.#leader = message.id;
        for (const channel of [...this.#heads.keys()]) if (!this.#solo.has(channel)) this.#heads.delete(channel);
        for (const [channel, offset] of message.heads) this.#heads.set(channel, offset);
        this.#setState(message.state, message.until);
        this.#update();
      } else if (message.type === "news") {
        this.#take(message.news);
      } else if (message.type === "state") {
        this.#setState(message.state, message.until);
      } else if (message.type === "refused" && this.#about(message.channel).length > 0) {
        this.#solo.add(message.channel);
        this.#update();
      }
    }

    #about(channel) {
      return [...this.#subscriptions].filter((subscription) => subscription.channel === channel);
    }

    #take(news) {
      for (const [channel, { next }] of news) this.#heads.set(channel, next);
      for (const subscription of [...this.#subscriptions]) {
        const step = news.get(subscription.channel);
        if (step) subscription.offer(step);
      }
      for (const subscription of this.#subscriptions) subscription.show(this.#state, this.#until);
    }

    /** Looks anew at what is wanted, once for all that happens in one go. */
    #update() {
      if (this.#isUpdating) return;
      this.#isUpdating = true;
      queueMicrotask(() => {
        this.#isUpdating = false;
        if (this.#role === "asleep") return;
        if (this.#role === "follower") this.#updateFollower();
        else this.#updateLine();
        for (const subscription of [...this.#subscriptions]) {
          subscription.meet(this.#heads.get(subscription.channel));
          subscription.show(this.#state, this.#until);
        }
      });
    }

    /** [channel, offset] of this tab. */
    #own() {
      const own = new Map();
      for (const { channel, offset } of this.#subscriptions) if (!own.has(channel)) own.set(channel, offset);
      return own;
    }

    #updateLine() {
      const wanted = this.#own();
      for (const channels of this.#members.values()) {
        for (const [channel, offset] of channels) {
          if (!wanted.has(channel) && !this.#refused.has(channel)) wanted.set(channel, offset);
        }
      }
      this.#line.want(wanted);
      this.#heads = this.#line.places;
      if (this.#role !== "leader" || !this.#answers) return;
      this.#answers = false;
      this.#tabs.send("lead", { heads: this.#heads, state: this.#state, until: this.#until });
    }

    #updateFollower() {
      const own = this.#own();
      this.#line.want(new Map([...own].filter(([channel]) => this.#solo.has(channel))));
      const names = JSON.stringify([...own.keys()].sort());
      if (names === this.#told) return;
      this.#told = names;
      this.#tabs.send("join", { channels: own });
    }

    /** Forgets tabs that have gone without a word. */
    async #callRoll() {
      if (this.#members.size === 0 || Date.now() - this.#lastCall < 10_000) return;
      this.#lastCall = Date.now();
      const living = await this.#tabs.living().catch(() => null);
      if (!living || this.#role !== "leader") return;
      for (const id of [...this.#members.keys()]) if (!living.has(id)) this.#members.delete(id);
      this.#update();
    }

    #setState(state, until) {
      const isNew = this.#state !== state || (state === "waiting" && this.#until !== until);
      if (!isNew || this.#state === "closed") return;
      this.#state = state;
      this.#until = until;
      if (this.#role === "leader") this.#tabs.send("state", { state, until });
      try {
        this.onState?.(state, { until });
      } catch (error) {
        report(error);
      }
      for (const subscription of [...this.#subscriptions]) subscription.show(state, until);
    }

    // The page's life.

    #wake() {
      if (this.#role !== "asleep" || this.#state === "closed") return;
      const { shared } = this.#options;
      if (shared && Tabs.isPossible) {
        const name = typeof shared === "string" ? shared : "";
        this.#role = "follower";
        this.#told = "[]";
        this.#tabs = new Tabs(`tidings/${DIALECT} ${this.#base} ${this.#options.transport} ${name}`, this);
        this.#tabs.start();
      } else {
        this.#role = "alone";
      }
      this.#setState("connecting", 0);
      this.#update();
    }

    /** Lets go of everything that a sleeping page must not hold. Positions stay. */
    #sleep(state) {
      clearTimeout(this.#hiding);
      this.#role = "asleep";
      this.#tabs?.stop();
      this.#tabs = null;
      this.#line.end();
      this.#catchUp.stop();
      this.#heads.clear();
      this.#members.clear();
      this.#solo.clear();
      this.#leader = null;
      this.#setState(state, 0);
    }

    #listen() {
      const on = (target, name, listener) => {
        if (typeof target?.addEventListener !== "function") return;
        target.addEventListener(name, listener);
        this.#listeners.push([target, name, listener]);
      };
      const { document } = root;
      const wakeWhenSeen = () => { if (!document?.hidden) this.#wake(); };
      // Whichever it is, a connection that stood before may be dead now without knowing.
      on(root, "online", () => {
        this.#line.doubt();
        this.#line.retry();
        this.#writer.retry();
      });
      on(root, "storage", ({ key }) => {
        if (!key?.startsWith("tidings-writer:")) return;
        this.#key.reload();
        for (const list of this.#lists) list.touch();
      });
      on(root, "offline", () => this.#line.doubt());
      on(root, "pagehide", () => this.#sleep("hidden"));
      on(root, "pageshow", () => this.#wake());
      on(document, "freeze", () => this.#sleep("hidden"));
      on(document, "resume", wakeWhenSeen);
      on(document, "visibilitychange", () => {
        if (!document.hidden) this.#wake();
        this.#look();
      });
      this.#look();
    }

    /** A page that nobody sees goes on for a while, and then sleeps until it is seen. */
    #look() {
      clearTimeout(this.#hiding);
      const { hiddenAfter } = this.#options;
      if (!root.document?.hidden || !(hiddenAfter > 0 && Number.isFinite(hiddenAfter))) return;
      this.#hiding = setTimeout(() => this.#sleep("hidden"), hiddenAfter);
    }
  }

  Tidings.Error = TidingsError;
  root.Tidings = Tidings;
  if (typeof module === "object" && module !== null && module.exports) module.exports = Tidings;
})(globalThis);
