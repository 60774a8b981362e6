// Types of tidings.js, the classic script that sets the global `Tidings`. For the module: tidings.d.mts.

/** Follows channels of a Tidings edge for one page, and writes comments. */
declare class Tidings {
  /**
   * @param address of the edge; by default the page's own origin. It may have a path.
   */
  constructor(address?: string | URL, options?: Tidings.Options);

  /** The version of this file. */
  static readonly version: string;

  /** The class of what `onError` gets when the server has refused a channel, and of what a write rejects with. */
  static readonly Error: abstract new (...values: never[]) => Tidings.TidingsError;

  /** The plain text of a comment, for a field in which it is edited. */
  static text(comment: { text?: unknown; html?: unknown }): string;

  /** The state of the whole. */
  readonly state: Tidings.State;

  /** Called at each change of the state. */
  onState: ((state: Tidings.State, detail: Tidings.StateDetail) => void) | null;

  /**
   * Follows a channel. Each subscription gets each event once and in order. Callbacks are called later, never from
   * within this call.
   *
   * @throws {Error} when this Tidings is closed.
   */
  subscribe<Event = Tidings.Event>(channel: string, options?: Tidings.SubscriptionOptions<Event>): Tidings.Subscription;

  /**
   * The comments of a channel as they are now: in the order in which they first came, an edited one at its place, a
   * deleted one as a tombstone.
   *
   * @throws {Error} when this Tidings is closed.
   */
  list<Comment extends Tidings.Comment = Tidings.Comment>(channel: string, options?: Tidings.ListOptions<Comment>): Tidings.CommentList<Comment>;

  /**
   * Posts a comment. Resolves with what was sent, its `id` included, when the edge has taken it: its channel brings it
   * when it is published. It is sent again, for two minutes, after lost connections and 5xx, and does not become two.
   *
   * Rejects with `Tidings.Error`, or with the reason of `signal`.
   */
  post<Comment extends Tidings.NewComment>(comment: Comment, options?: Tidings.WriteOptions): Promise<Comment & Tidings.Written>;

  /** Replaces a comment: the whole of it, as the list has it, with the new `text`. Otherwise as `post`. */
  edit<Comment extends Tidings.EditedComment>(comment: Comment, options?: Tidings.WriteOptions): Promise<Tidings.Written>;

  /** Deletes a comment. Otherwise as `post`. */
  remove(comment: Tidings.CommentName, options?: Tidings.WriteOptions): Promise<Tidings.Written>;

  /** Tries now what waits for its time. A pause that the server asks for is kept. */
  retry(): void;

  /** Ends everything: connections, timers, listeners, subscriptions. */
  close(): void;
}

declare namespace Tidings {
  /** A place in a channel: "-1" before the oldest event kept, "now" behind the newest, or one given earlier. */
  type Offset = "-1" | "now" | (string & {});

  type State =
    /** Nothing is subscribed. */
    | "idle"
    /** The first request, or the first after a failure; of a subscription also: it reads what it has missed. */
    | "connecting"
    /** What is published comes at once. */
    | "live"
    /** Failed; tries again at `until`. */
    | "waiting"
    /** Failed, and the browser says that there is no network. */
    | "offline"
    /** The page sleeps: nobody sees it, or it is in the back-forward cache. It goes on by itself. */
    | "hidden"
    /** Ended. */
    | "closed";

  interface StateDetail {
    /** When the next attempt is made, in ms since 1970; 0 when none is waited for. */
    until: number;
  }

  /** An event as the default pipeline publishes it. Own stages may add members. */
  interface Event {
    id: string;
    type: "comment.created" | "comment.edited" | "comment.deleted" | "thread.closed" | "thread.opened" | (string & {});
    thread: string;
    /** When it arrived, in ms since 1970. */
    received_at: number;
    forum?: string;
    author?: string | { id?: string | number; name?: string; [member: string]: unknown };
    /** Escaped; links, mentions and line breaks are markup. All other strings are plain text. */
    html?: string;
    mentions?: string[];
    [member: string]: unknown;
  }

  /** A comment of a list: its newest event. A tombstone has the type "comment.deleted", and no `html`. */
  interface Comment extends Event {
    type: "comment.created" | "comment.edited" | "comment.deleted";
    /** When the comment first came, in ms since 1970. `received_at` is when this version came. */
    created_at?: number;
  }

  /** What names a comment. Its channels, in part, are found by `forum`. */
  interface CommentName {
    thread: string | number;
    id: string | number;
    forum?: string | number;
  }

  /** What is posted. The edge takes the author of a token from the token. */
  interface NewComment {
    thread: string | number;
    text: string;
    /** A random one unless given. */
    id?: string | number;
    forum?: string | number;
    author?: string | { id?: string | number; name?: string; [member: string]: unknown };
    /** The id of the comment that this one answers, where the page shows such. */
    parent?: string | number;
    [member: string]: unknown;
  }

  interface EditedComment extends CommentName {
    text: string;
    [member: string]: unknown;
  }

  /** An event as it was sent. */
  interface Written {
    id: string | number;
    thread: string | number;
    event_id: string | number;
    type: "comment.created" | "comment.edited" | "comment.deleted";
  }

  interface WriteOptions {
    /** Gives up. What was sent already may be taken all the same. */
    signal?: AbortSignal;
    /** An attempt failed; the next is made at `until`, in ms since 1970. */
    onRetry?: (error: TidingsError, detail: StateDetail) => void;
  }

  interface Options {
    /** "poll" unless given. "sse": server-sent events; after three streams that bring nothing it polls. */
    transport?: "poll" | "sse";
    /** For private channels. A function is called before the first request and when a token was refused. */
    token?: string | (() => string | null | Promise<string | null>) | null;
    /** One connection for all tabs of this origin: true unless given. A string: only with tabs that give the same. */
    shared?: boolean | string;
    /** Where `from: "resume"` keeps places: "session" (the tab) unless given, "local" (the browser), or nowhere. */
    storage?: "session" | "local" | null;
    /** Where the key is kept by which own comments can be edited: "local" unless given, or only in the page (null). */
    keyStorage?: "session" | "local" | null;
    /** How long a poll is held, in whole seconds, 1 to 55. Unless given 25. */
    hold?: number;
    /** The most channels in a poll. Unless given 50, the edge's own default. */
    channelsPerPoll?: number;
    /** How long a page that nobody sees goes on, in ms; 0: for ever. Unless given five minutes. */
    hiddenAfter?: number;
    /** Called at each change of the state. */
    onState?: ((state: State, detail: StateDetail) => void) | null;
  }

  interface SubscriptionOptions<Event = Tidings.Event> {
    /** Where to begin. "resume", unless given: behind the last event that this page had before it was loaded anew. */
    from?: Offset | "resume";
    /** Where "resume" begins when nothing is stored. "now" unless given. */
    otherwise?: Offset;
    /** An event. What it returns is not waited for; what it throws goes to `onError`. */
    onEvent?: (event: Event, info: EventInfo) => void;
    /** The place was lost. The events that follow are what history there is, in place of what came before. */
    onReset?: (info: { channel: string }) => void;
    /** The channel's conversation was closed, and takes no more comments, or was opened again. */
    onClosed?: (info: { channel: string; isClosed: boolean }) => void;
    /** Each change of the subscription's state. */
    onState?: (state: State, detail: StateDetail) => void;
    /** The channel was refused, and the subscription is closed; or a callback threw, and it goes on. */
    onError?: (error: unknown) => void;
  }

  interface EventInfo {
    channel: string;
    /** The place after the whole answer in which the event came. */
    offset: Offset;
    /** Whether it is the last event of that answer. */
    isLast: boolean;
  }

  interface Subscription {
    readonly channel: string;
    /** The place after the last answer whose callbacks have returned. */
    readonly offset: Offset;
    readonly state: State;
    /** Whether the conversation takes no more comments, as far as was read. Only channels `thread:…` are closed. */
    readonly isClosed: boolean;
    /** Ends it: no callback is called any more, but `onState` with "closed". */
    close(): void;
  }

  interface ListOptions<Comment = Tidings.Comment> {
    /** Called when something has changed: the comments, which of them are one's own, `isClosed`; and once when it is live. */
    onChange?: (list: CommentList<Comment>, steps: Step<Comment>[]) => void;
    /** Each change of the list's state. */
    onState?: (state: State, detail: StateDetail) => void;
    /** The channel was refused, and the list is closed; or a callback threw, and it goes on. */
    onError?: (error: unknown) => void;
    /** Whether deleted comments leave a tombstone: true unless given. */
    tombstones?: boolean;
    /** The most comments; the oldest leave first. Unless given 1000. */
    limit?: number;
  }

  /** A step from the list as it was shown to the list as it is. Steps are taken in their order. */
  interface Step<Comment = Tidings.Comment> {
    type: "insert" | "update" | "remove";
    /** In the list as the steps before have left it. */
    index: number;
    /** What is to be shown there, or was. */
    comment: Comment;
  }

  interface CommentList<Comment = Tidings.Comment> {
    readonly channel: string;
    readonly comments: readonly Comment[];
    readonly state: State;
    /** Whether the conversation takes no more comments. */
    readonly isClosed: boolean;
    /** Whether this browser posted it without a token, or the token's `sub` is its author. */
    isMine(comment: Comment): boolean;
    /** Ends it: no callback is called any more, but `onState` with "closed". */
    close(): void;
  }

  /** What the server said no to. */
  interface TidingsError extends globalThis.Error {
    /** The HTTP status; 0: no answer. */
    readonly status: number;
    /** The channel that was refused. */
    readonly channel?: string;
    /** What was to be written. */
    readonly event?: Written;
    /** The pause that the server asks for, in ms. */
    readonly retryAfter: number;
  }
}
