/// Who may read and write at an edge, besides what is public.
public struct AccessOptions: Sendable {
    /// So many in a time.
    public struct Rate: Sendable, Equatable {
        public var count: Int
        public var milliseconds: Int64

        public init(count: Int, milliseconds: Int64) {
            self.count = count
            self.milliseconds = milliseconds
        }
    }

    /// What tokens for private channels are checked with, at most ``maxTokenKeys``. Empty: private channels are refused.
    public var tokenKeys: [TokenKey] = []
    /// Whom tokens must be for; nil: tokens must be for nobody in particular.
    public var audience: String?
    /// What comments are posted with. Empty: anyone may post.
    public var apiKeys: [APIKey] = []
    /// Comments of one key in each process, over time; nil: as many as it likes. More: 429.
    public var apiRate: Rate? = Rate(count: 100, milliseconds: 1000)
    /// Comments of one key at once, after a pause; also the most in one request. More in one request: 413.
    public var apiBurst = 1000
    /// Whose pages may read and post.
    public var origins = AllowedOrigins.any

    public static let maxTokenKeys = 4
    public static let maxAPIKeys = 1000

    public init() {}
}
