// Types of tidings.js, the classic script that sets the global `Tidings`. For the module: tidings.d.mts.

/** Follows channels of a Tidings edge for one page. */
declare class Tidings {
  /**
   * @param address of the edge; by default the page's own origin. It may have a path.
   */
  constructor(address?: string | URL, options?: Tidings.Options);

  /** The version of this file. */
  static readonly version: string;

  /** The class of what `onError` gets when the server has refused a channel, for `instanceof`. */
  static readonly Error: abstract new (...values: never[]) => Tidings.TidingsError;

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
    type: "comment.created" | "comment.edited" | "comment.deleted" | (string & {});
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

  interface Options {
    /** "poll" unless given. "sse": server-sent events; after three streams that bring nothing it polls. */
    transport?: "poll" | "sse";
    /** For private channels. A function is called before the first request and when a token was refused. */
    token?: string | (() => string | null | Promise<string | null>) | null;
    /** One connection for all tabs of this origin: true unless given. A string: only with tabs that give the same. */
    shared?: boolean | string;
    /** Where `from: "resume"` keeps places: "session" (the tab) unless given, "local" (the browser), or nowhere. */
    storage?: "session" | "local" | null;
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
    /** Ends it: no callback is called any more, but `onState` with "closed". */
    close(): void;
  }

  /** What the server said no to. */
  interface TidingsError extends globalThis.Error {
    /** The HTTP status. */
    readonly status: number;
    /** The channel that was refused. */
    readonly channel?: string;
    /** The pause that the server asks for, in ms. */
    readonly retryAfter: number;
  }
}
