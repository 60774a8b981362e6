/// What the stage `moderate` can be told.
public struct ModerateOptions: Sendable {
    /// How many comments of one author are let through in a window of time.
    public struct Rate: Sendable, Equatable {
        public var count: Int
        public var seconds: Int

        public init(count: Int = 30, seconds: Int = 60) {
            self.count = count
            self.seconds = seconds
        }
    }

    /// Words that no comment may contain: whole words, upper and lower case alike. A word may be several, with spaces.
    public var blockedWords: [String]
    /// Patterns that may match nowhere in a comment, in RE2's syntax. They see the text with each run of white space as
    /// one space, without invisible characters, with full-width letters as ASCII; case counts unless they begin with
    /// `(?i)`.
    public var blockedPatterns: [String]
    /// The most links in a text; nil: any number.
    public var maxLinks: Int?
    /// The most comments of an author; nil: any number.
    public var authorRate: Rate?
    /// Whether what is suspicious waits for a person (true) or is dropped (false).
    public var hold: Bool

    public init(
        blockedWords: [String] = [], blockedPatterns: [String] = [], maxLinks: Int? = 3, authorRate: Rate? = Rate(),
        hold: Bool = true
    ) {
        self.blockedWords = blockedWords
        self.blockedPatterns = blockedPatterns
        self.maxLinks = maxLinks
        self.authorRate = authorRate
        self.hold = hold
    }
}
