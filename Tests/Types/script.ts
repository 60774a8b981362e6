// How a page that loads tidings.js as a script uses the global: all of it must compile, and what is wrong must not.
/// <reference path="../../Sources/Edge/Pages/Client/tidings.d.ts" />

const tidings = new Tidings("https://comments.example", {
  transport: "sse",
  token: async () => (await fetch("/token")).text(),
  shared: "user 7",
  storage: "local",
  hold: 25,
  channelsPerPoll: 10,
  hiddenAfter: 0,
  onState: (state, { until }) => console.log(state === "waiting", until.toFixed()),
});
new Tidings();
new Tidings(new URL(location.href), { token: "t", shared: false, storage: null, onState: null });

const subscription = tidings.subscribe("thread:42", {
  from: "resume",
  otherwise: "-1",
  onEvent(event, { channel, offset, isLast }) {
    const html: string | undefined = event.html;
    const received: number = event.received_at;
    const rating = event.rating as number;
    console.log(html, received + rating, channel.length, offset.length, isLast === true);
  },
  onReset: ({ channel }) => console.log(channel.length),
  onState: (state) => console.log(state),
  onError(error) {
    if (error instanceof Tidings.Error) console.log(error.status + error.retryAfter, error.channel?.length, error.message);
  },
});
const offset: Tidings.Offset = subscription.offset;
tidings.subscribe("thread:43", { from: offset });
tidings.subscribe("user:7");
tidings.onState = null;
tidings.retry();
subscription.close();
tidings.close();

/** A page's own kind of event. */
interface Rated {
  id: string;
  stars: number;
}
tidings.subscribe<Rated>("thread:44", { onEvent: ({ stars }) => console.log(stars.toFixed()) });
tidings.subscribe("thread:45", { onEvent: (event: Rated) => console.log(event.stars) });

const version: string = Tidings.version;
const state: Tidings.State = tidings.state;
console.log(version, state);

// @ts-expect-error: no such transport.
new Tidings("", { transport: "websocket" });
// @ts-expect-error: no such option.
new Tidings("", { polling: true });
// @ts-expect-error: a channel is named by a string.
tidings.subscribe(42);
// @ts-expect-error: no such option.
tidings.subscribe("thread:46", { onMessage() {} });
// @ts-expect-error: the place is the library's.
subscription.offset = "now";
// @ts-expect-error: no such state.
if (tidings.state === "asleep") console.log();
// @ts-expect-error: the error is made by the library.
new Tidings.Error(404);
// @ts-expect-error: internal.
tidings.lineTook();

// The list, and writing.
const list = tidings.list("thread:42", {
  onChange({ comments, isClosed, isMine }, steps) {
    for (const { type, index, comment } of steps) {
      const html: string | undefined = comment.html;
      console.log(type === "insert", index.toFixed(), html, comment.created_at?.toFixed());
    }
    console.log(comments.length, isClosed === true, isMine(comments[0]));
  },
  onState: (state, { until }) => console.log(state, until),
  onError: (error) => console.log(error),
  tombstones: false,
  limit: 100,
});
const comment: Tidings.Comment = list.comments[0];
const isMine: boolean = list.isMine(comment);
const abort = new AbortController();
tidings.post({ thread: "42", text: "hello", author: { name: "Ann" }, rating: 5 }, {
  signal: abort.signal,
  onRetry: ({ status, message, retryAfter }, { until }) => console.log(status, message, retryAfter + until),
}).then(({ id, event_id, rating }) => console.log(id, event_id, rating.toFixed()), (error) => {
  if (error instanceof Tidings.Error) console.log(error.status, error.retryAfter, error.event?.id);
});
tidings.edit({ ...comment, text: Tidings.text(comment) }).then(({ type }) => console.log(type));
tidings.remove(comment).then(({ id }) => console.log(id, isMine));
tidings.subscribe("thread:47", { onClosed: ({ channel, isClosed }) => console.log(channel, isClosed) }).isClosed;
new Tidings("", { keyStorage: null });
list.close();

// @ts-expect-error: a comment has a text.
tidings.post({ thread: "42" });
// @ts-expect-error: an edit has the new text.
tidings.edit({ thread: "42", id: "1" });
// @ts-expect-error: a deletion names its comment.
tidings.remove({ thread: "42" });
// @ts-expect-error: no such storage.
new Tidings("", { keyStorage: "cookie" });
// @ts-expect-error: the list is the library's.
list.comments = [];
