/// What the stage `route` can be told.
public struct RouteOptions: Sendable {
    /// The channels of an event: text with members of the event in braces, `{author.id}` for a member of a member. A
    /// list gives one channel for each of its elements; a missing member gives none.
    public var channels: [String]

    public init(
        channels: [String] = ["thread:{thread}", "forum:{forum}", "user:{author.id}", "user:{mentions}", "post:{id}"]
    ) {
        self.channels = channels
    }
}
